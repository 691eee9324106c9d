// The list of tasks, as wishes; the chosen ones with their forms.

import { button, dialog, fill, inWords, make, sentence } from "./elements.js";

/**
 * The part of the page that asks what is wished for, and for how; `presets` are all, and
 * `presetsPart` is the part of the page for them.
 */
export function tasksPanel(draft, presets, presetsPart) {
  const place = make("div", { class: "tasks-panel" });
  const show = () => fill(place, draft.forms.length ? chosen(draft, presets, presetsPart) : [...wishes(draft, presets), presetsPart]);
  draft.addEventListener("tasks", show);
  show();
  return place;
}

function wishes(draft, presets) {
  // Those that have more presets are wished for more often: they come first.
  const looks = ({ name }) => presets.all.filter(({ tasks: [lead] }) => lead === name).length;
  const all = [...draft.catalogue.values()].sort((a, b) => looks(b) - looks(a));
  return [
    make("h2", {}, "What would you like to do?"),
    taskList(all.filter(({ learns_from: picture }) => picture !== null), presets, async ({ name }) => {
      await draft.choose(name);
      document.querySelector(".chosen-task h2")?.focus();
      if (draft.workbench.current) draft.forms[0].start();
    }),
  ];
}

function taskList(tasks, presets, choose) {
  const search = make("input", {
    type: "search", placeholder: "In your own words: “remove the boat”", "aria-label": "Search tasks", class: "task-search",
  });
  const items = tasks.map((task) => {
    const item = make("li", { "data-task": task.name }, button("", () => choose(task), { class: "wish" }));
    item.firstChild.append(make("strong", {}, sentence(task.summary)), make("span", {}, inWords(task.name)));
    return { item, texts: () => textsOf(task, presets) };
  });
  const list = make("ul", { class: "wishes" }, items.map(({ item }) => item));
  const none = make("p", { class: "note", hidden: true }, "No task fits these words: try fewer, or others.");
  search.addEventListener("input", () => {
    const words = tellingWords(search.value);
    const ranked = items.map(({ item, texts }) => ({ item, score: scoreOf(words, texts()) }));
    ranked.sort((a, b) => b.score - a.score);
    for (const { item, score } of ranked) item.hidden = words.length > 0 && score === 0;
    list.append(...ranked.map(({ item }) => item));
    none.hidden = !items.every(({ item }) => item.hidden);
  });
  return make("div", {}, search, list, none);
}

/** What is told of a task, from what says it best to what only mentions it. */
function textsOf(task, presets) {
  const own = presets.all.filter(({ tasks: [lead] }) => lead === task.name);
  return [
    `${task.name} ${task.summary} ${task.also_called.join(" ")}`,
    task.about ?? "",
    own.map(({ name, summary }) => `${name} ${summary}`).join(" "),
    task.options.map(({ name, help }) => `${name} ${help}`).join(" "),
  ].map((text) => ` ${text.toLowerCase().replaceAll(/[^\p{L}\p{N}]+/gu, " ")} `);
}

const TELL_NOTHING = new Set("a an and as at but i in into it me my of on or please that the this to twice want would with".split(" "));

/** The words of a wish that tell something; all of them if none does. */
function tellingWords(wish) {
  const all = wish.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const telling = all.filter((word) => !TELL_NOTHING.has(word));
  return telling.length ? telling : all;
}

/** How well texts answer a wish: each word counts where it is first found, beginnings of words less. */
function scoreOf(words, texts) {
  const scores = words.map((word) => {
    const k = texts.findIndex((text) => text.includes(` ${word}`));
    if (k < 0) return 0;
    return [1, 0.3, 0.2, 0.1][k] * (texts[k].includes(` ${word} `) ? 1 : 0.6);
  });
  return scores.reduce((sum, score) => sum + score, 0);
}

function chosen(draft, presets, presetsPart) {
  const forms = draft.forms.map((form, k) => {
    const { task } = form;
    const title = make("h2", { tabIndex: -1 }, sentence(task.summary));
    const back = k === 0 && button("← Other tasks", () => draft.setTasks([]), { class: "quiet back" });
    const away = k > 0
      && button("Leave out", () => draft.leave(k), { class: "quiet", "aria-label": `Leave out ${inWords(task.name)}` });
    return make("section", { class: "chosen-task", "data-task": task.name, "aria-label": inWords(task.name) },
      back,
      make("header", {}, make("div", {}, k > 0 && make("span", { class: "joined" }, "and also"), title,
        make("span", { class: "task-name" }, inWords(task.name))), away),
      task.about && make("details", { class: "about" }, make("summary", {}, "What it does"), about(task.about)),
      form.element);
  });
  const join = button("+ And also…", () => joinDialog(draft, presets), { class: "quiet join" });
  return [...forms, join, presetsPart,
    make("section", { class: "run-options", "aria-label": "Of every run" }, make("h3", {}, "How it is made"), draft.run.element)];
}

function about(text) {
  return text.trim().split(/\n\s*\n/).map((paragraph) => make("p", {}, paragraph.replaceAll(/\s+/g, " ")));
}

function joinDialog(draft, presets) {
  const own = draft.tasks.map(({ name }) => name);
  const others = [...draft.catalogue.values()].filter(({ name }) => !own.includes(name));
  const box = dialog("And also", taskList(others, presets, async ({ name }) => {
    box.close();
    await draft.join(name);
  }));
}
