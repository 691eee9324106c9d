// The list of tasks, as wishes; the chosen ones with their forms.

import { button, dialog, fill, inWords, make, sentence } from "./elements.js";

/** The part of the page that asks what is wished for, and for how; `presets` is its part of those. */
export function tasksPanel(draft, presets) {
  const place = make("div", { class: "tasks-panel" });
  const show = () => fill(place, draft.forms.length ? chosen(draft, presets) : [...wishes(draft), presets]);
  draft.addEventListener("tasks", show);
  show();
  return place;
}

function wishes(draft) {
  const all = [...draft.catalogue.values()];
  return [
    make("h2", {}, "What would you like to do?"),
    taskList(all.filter(({ learns_from: picture }) => picture !== null), async ({ name }) => {
      await draft.choose(name);
      document.querySelector(".chosen-task h2")?.focus();
      if (draft.workbench.current) draft.forms[0].start();
    }),
  ];
}

function taskList(tasks, choose) {
  const search = make("input", {
    type: "search", placeholder: "Search, for example “remove”", "aria-label": "Search tasks", class: "task-search",
  });
  const items = tasks.map((task) => {
    const text = `${task.name} ${task.summary} ${task.about ?? ""}`.toLowerCase();
    const options = task.options.map(({ name, help }) => `${name} ${help}`).join(" ").toLowerCase();
    const item = make("li", { "data-task": task.name }, button("", () => choose(task), { class: "wish" }));
    item.firstChild.append(make("strong", {}, sentence(task.summary)), make("span", {}, inWords(task.name)));
    return { item, text, options: `${text} ${options}` };
  });
  const none = make("p", { class: "note", hidden: true }, "No task is told in these words.");
  search.addEventListener("input", () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const tells = (text) => words.every((word) => text.includes(word));
    // What only an option's help says counts where nothing says it better.
    const few = items.some(({ text }) => tells(text));
    for (const { item, text, options } of items) item.hidden = !tells(few ? text : options);
    none.hidden = items.some(({ item }) => !item.hidden);
  });
  return make("div", {}, search, make("ul", { class: "wishes" }, items.map(({ item }) => item)), none);
}

function chosen(draft, presets) {
  const forms = draft.forms.map((form, k) => {
    const { task } = form;
    const title = make("h2", { tabIndex: -1 }, sentence(task.summary));
    const away = k === 0
      ? button("Other tasks", () => draft.setTasks([]), { class: "quiet" })
      : button("Leave out", () => draft.leave(k), { class: "quiet", "aria-label": `Leave out ${inWords(task.name)}` });
    return make("section", { class: "chosen-task", "data-task": task.name, "aria-label": inWords(task.name) },
      make("header", {}, make("div", {}, k > 0 && make("span", { class: "joined" }, "and also"), title,
        make("span", { class: "task-name" }, inWords(task.name))), away),
      task.about && make("details", { class: "about" }, make("summary", {}, "What it does"), about(task.about)),
      form.element);
  });
  const join = button("+ And also…", () => joinDialog(draft), { class: "quiet join" });
  return [...forms, join, presets,
    make("section", { class: "run-options", "aria-label": "Of every run" }, make("h3", {}, "How it is made"), draft.run.element)];
}

function about(text) {
  return text.trim().split(/\n\s*\n/).map((paragraph) => make("p", {}, paragraph.replaceAll(/\s+/g, " ")));
}

function joinDialog(draft) {
  const own = draft.tasks.map(({ name }) => name);
  const others = [...draft.catalogue.values()].filter(({ name }) => !own.includes(name));
  const box = dialog("And also", taskList(others, async ({ name }) => {
    box.close();
    await draft.join(name);
  }));
}
