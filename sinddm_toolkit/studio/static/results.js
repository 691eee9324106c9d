// What came of an edit: its pictures side by side, and all that can be done with them.

import * as api from "./api.js";
import { OVER, partsOf } from "./edits.js";
import { announce, button, dialog, fill, inWords, lasting, make, notice, sentence } from "./elements.js";
import { thumbnailOf } from "./pictures.js";

const SEED = "The seed is the number that chance begins from: with the same one the same picture comes again.";

/** What an edit did, in words: the names of its tasks. */
export function titleOf(edit) {
  const names = partsOf(edit.edit).map(({ name }) => name).filter(Boolean);
  const tasks = names.length ? names : edit.tasks ?? [];
  return tasks.map((name) => inWords(name)).join(" + ") || "Edit";
}

/** The same in a sentence each, as far as the tasks are there. */
function summariesOf(edit, catalogue) {
  const known = partsOf(edit.edit).map(({ name }) => catalogue.get(name)).filter(Boolean);
  return known.map(({ summary }) => sentence(summary)).join(", and: ");
}

/** The id of the picture that a result is compared with, or null. */
function inputOf(edit, catalogue) {
  const [part] = partsOf(edit.edit);
  const task = catalogue.get(part.name);
  if (!task) return null;
  const values = Object.fromEntries(Object.entries(part).map(([name, value]) => [name.replaceAll("-", "_"), value]));
  const [found] = [values[task.named_after] ?? values[task.learns_from] ?? null].flat();
  return typeof found === "string" ? found : null;
}

/**
 * A card of an edit that is over. `studio` has edits, draft, workbench, pictures, catalogue, presets
 * and `run(edit)`.
 */
export function resultCard(edit, studio) {
  const { catalogue } = studio;
  const results = [...edit.results].sort((a, b) => a.seed - b.seed);
  let chosen = results[0];
  const title = make("h3", { title: summariesOf(edit, catalogue) }, titleOf(edit));
  const variants = make("div", { class: "variants", role: "group", "aria-label": "Variants" });
  const tiles = results.map((result) => {
    const tile = button("", () => choose(result), { class: "variant", title: SEED });
    const image = make("img", { alt: `${title.textContent}, seed ${result.seed}`, loading: "lazy" });
    image.src = thumbnailOf({ ...result, id: result.picture });
    tile.append(image, make("span", {}, `seed ${result.seed}`));
    return { result, tile };
  });
  fill(variants, tiles.map(({ tile }) => tile));
  const choose = (result, show = true) => {
    chosen = result;
    for (const { result: one, tile } of tiles) tile.setAttribute("aria-pressed", String(one === result));
    if (show) showResult(edit, result, studio);
  };
  if (chosen) choose(chosen, false);
  const withChosen = (act) => () => attempt(() => act(chosen));
  const ofPicture = chosen ? [
    button("Compare", withChosen((result) => compare(edit, result, studio))),
    button("Use as input", withChosen((result) => useAsInput(result, studio))),
    button("Download", withChosen((result) => download(edit, result.name))),
  ] : [];
  const shown = [results.length > 0 && variants, extras(edit, studio)].filter(Boolean);
  const card = make("article", { class: `result-card ${edit.state}`, "data-edit": edit.id, "aria-label": title.textContent },
    make("header", {}, title, make("span", { class: "when" }, when(edit)), make("p", { class: "recipe" }, recipe(edit))),
    edit.error && make("p", { class: "failure", role: "note" }, sentence(edit.error)),
    make("div", { class: "result-body" },
      shown.length > 0 && make("div", { class: "made" }, shown),
      make("div", { class: "actions" }, ofPicture, again(edit, studio), more(edit, studio))),
    (edit.notes ?? []).map((note) => make("p", { class: "note" }, sentence(note))));
  return card;
}

/** What was asked for, in words: pictures by their names, all else by its value. */
function recipe({ edit, names = {} }) {
  const shown = (value) => (Array.isArray(value) ? value.map(shown).join(" and ") : String(names[value] ?? value));
  return partsOf(edit)
    .concat(Array.isArray(edit.task) ? [Object.fromEntries(Object.entries(edit).filter(([name]) => name !== "task"))] : [])
    .flatMap((part) => Object.entries(part).filter(([name]) => name !== "name" && name !== "task" && name !== "seed"))
    .map(([name, value]) => `${inWords(name)} ${shown(value)}`)
    .join(" · ");
}

function when({ created, seconds, state }) {
  const at = new Date(created);
  const time = Number.isNaN(at.valueOf()) ? "" : at.toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
  const total = typeof seconds === "number" ? seconds
    : seconds ? Object.values(seconds).reduce((sum, one) => sum + (Number(one) || 0), 0) : null;
  return [state === "done" ? "" : state, time, total ? `took ${lasting(total)}` : ""].filter(Boolean).join(" · ");
}

/** Does `act`; what goes wrong is said in words. */
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    notice(error.message);
  }
}

async function showResult(edit, result, { workbench, pictures }) {
  await attempt(async () => workbench.open(await pictures.learn(result.picture)));
}

/**
 * Shows what comes of an edit that this page asked for as soon as it is there, unless the person
 * has drawn something meanwhile: then it waits among what was made.
 */
export function showWhenDone({ id }, studio) {
  const { edits, workbench } = studio;
  const { uses } = workbench;
  const look = () => {
    const edit = edits.all.get(id);
    if (edit && !OVER.has(edit.state)) return;
    edits.removeEventListener("list", look);
    const isFree = workbench.uses === uses && !workbench.isHeld && !document.querySelector("dialog[open]");
    if (!edit?.results.length || !isFree) return;
    const [first] = [...edit.results].sort((a, b) => a.seed - b.seed);
    attempt(() => compare(edit, first, studio, { focus: false }));
  };
  edits.addEventListener("list", look);
  look();
}

async function compare(edit, result, { workbench, pictures, catalogue }, { focus = true } = {}) {
  const input = inputOf(edit, catalogue);
  const after = await pictures.learn(result.picture);
  if (!input) {
    workbench.open(after);
    return;
  }
  await workbench.compare(await pictures.learn(input), after, { labels: ["before", "after"], focus });
}

async function useAsInput(result, { workbench, pictures, draft }) {
  const about = await pictures.learn(result.picture);
  workbench.open(about);
  draft.useAsInput(about);
  announce(`${result.name} is what is worked on now`);
}

function download(edit, name) {
  const link = make("a", { href: `/api/edits/${edit.id}/results/${encodeURIComponent(name)}?download=1`, download: name });
  link.click();
}

function again(edit, studio) {
  const { seed, ...withoutSeed } = edit.edit;
  return [
    button("Another seed", () => attempt(() => studio.run(withoutSeed)), { class: "again-seed", title: "The same again with another seed" }),
    button("Change…", () => attempt(async () => {
      // With its seed, so that what is changed is all that changes.
      await studio.draft.put({ ...edit.edit, seed: edit.seed }, studio.presets.all);
      const input = inputOf(edit, studio.catalogue);
      if (input) studio.workbench.open(await studio.pictures.learn(input));
      for (const form of studio.draft.forms) form.resume();
      document.querySelector(".panel-scroll").scrollTo({ top: 0 });
      document.querySelector(".chosen-task h2")?.focus();
      studio.draft.forms[0]?.pointOut();
      announce(`Settings of ${titleOf(edit)} are back`);
    }), { class: "reuse", title: "Put its settings back into the panel" }),
  ];
}

function more(edit, studio) {
  return make("details", { class: "more-actions" }, make("summary", {}, "More"), make("div", {},
    button("Again, the same", () => attempt(() => studio.run({ ...edit.edit, seed: edit.seed ?? edit.edit.seed })), { class: "quiet" }),
    button("Copy as…", () => attempt(() => copyDialog(edit)), { class: "quiet copy-as" }),
    button("Save as preset…", () => savePresetDialog(edit.edit, studio.presets), { class: "quiet" }),
    button("Delete", () => attempt(() => studio.edits.forget(edit.id)), { class: "quiet danger" })));
}

/* Files beside the result, and what can be picked from them */

/**
 * The options of whole numbers that a file is a sheet to choose from for: those whose flag its help
 * names, as in "… to --pick from". Task by task: `[{file, number}]`.
 */
function sheetsOf(task) {
  return task.options.filter(({ kind }) => kind === "file-out").flatMap((file) =>
    task.options
      .filter(({ kind, flag }) => kind === "whole" && new RegExp(`${flag} from\\b`).test(file.help))
      .map((number) => ({ file, number })));
}

function extras(edit, studio) {
  const shown = (edit.extras ?? []).map(({ name, picture }) => {
    const pick = picture && pickFor(edit, name, studio.catalogue);
    const link = button(name, () => download(edit, name), { class: "quiet", "aria-label": `Download ${name}` });
    if (!picture) return make("div", { class: "extra" }, link);
    const image = make("img", { alt: name, loading: "lazy" });
    studio.pictures.learn(picture).then((about) => { image.src = thumbnailOf(about); }, () => image.remove());
    const view = button("", () => attempt(async () => studio.workbench.open(await studio.pictures.learn(picture))), {
      class: "variant sheet", "aria-label": `Show ${name}`,
    });
    view.append(image);
    return make("div", { class: "extra" }, view, link, pick && pickForm(edit, pick, studio));
  });
  return shown.length ? make("div", { class: "extras" }, shown) : null;
}

/** Which option of which part of the edit picks from the file `name`, or null. */
function pickFor(edit, name, catalogue) {
  for (const [index, part] of partsOf(edit.edit).entries()) {
    const task = catalogue.get(part.name);
    for (const { file, number } of task ? sheetsOf(task) : []) {
      const asked = part[file.name] ?? part[file.name.replaceAll("_", "-")];
      if (typeof asked === "string" && name.endsWith(asked.replace("{out}", ""))) return { index, number };
    }
  }
  return null;
}

function pickForm(edit, { index, number }, studio) {
  const input = make("input", {
    type: "number", min: number.minimum ?? 1, max: number.maximum ?? "", step: 1, value: number.minimum ?? 1,
    required: true, "aria-label": `${inWords(number.name)}: its number on the sheet`,
  });
  const go = make("button", { type: "submit" }, "Go on with this one");
  return make("form", {
    class: "pick",
    onsubmit: (event) => {
      event.preventDefault();
      attempt(() => studio.run(picked(edit, index, number.name, Number(input.value))));
    },
  }, make("span", { "aria-hidden": "true" }, inWords(number.name)), input, go);
}

function picked(edit, index, name, value) {
  const same = { ...edit.edit, seed: edit.seed ?? edit.edit.seed };
  if (!Array.isArray(same.task)) return { ...same, [name]: value };
  const task = same.task.map((part, k) => (k === index ? { ...(typeof part === "string" ? { name: part } : part), [name]: value } : part));
  return { ...same, task };
}

/* The recipe in other forms */

const FORMS = { command: "Command", python: "Python", row: "Row of a table" };

async function copyDialog(edit) {
  const text = make("textarea", { readOnly: true, rows: 8, spellcheck: false, "aria-label": "The edit as text", class: "copied-text" });
  const tabs = make("div", { class: "segments", role: "group", "aria-label": "Form" });
  const choose = async (form) => {
    for (const tab of tabs.children) tab.setAttribute("aria-pressed", String(tab.dataset.form === form));
    text.value = await api.getText(`edits/${edit.id}/as/${form}`);
  };
  fill(tabs, Object.entries(FORMS).map(([form, words]) =>
    button(words, () => attempt(() => choose(form)), { "data-form": form })));
  const copy = button("Copy", async () => {
    try {
      await navigator.clipboard.writeText(text.value);
    } catch {
      text.select();  // where the page may not write to the clipboard, Ctrl-C does
      document.execCommand("copy");
    }
    announce("Copied");
  }, { class: "primary" });
  await choose("command");
  dialog("Copy as", make("p", { class: "note" }, "It makes the same picture from the same files."), tabs, text, copy);
}

/** Asks for a name, and saves the edit's options as a preset of one's own. */
export function savePresetDialog(edit, presets) {
  const name = make("input", { type: "text", required: true, pattern: "[a-z0-9][a-z0-9_\\-]*", placeholder: "my-look", autocomplete: "off", id: "preset-name" });
  const summary = make("input", { type: "text", placeholder: "what it is for, in a few words", autocomplete: "off", id: "preset-summary" });
  const complaint = make("p", { class: "complaint", role: "alert" });
  const overwrite = make("input", { type: "checkbox", id: "preset-overwrite" });
  const replacing = make("label", { class: "check", hidden: true, for: "preset-overwrite" }, overwrite, "replace the one of this name");
  const box = dialog("Save as preset",
    make("p", { class: "note" }, "Options are saved; pictures and the seed are not."),
    make("form", {
      class: "stacked",
      onsubmit: async (event) => {
        event.preventDefault();
        try {
          await presets.save(name.value, summary.value, edit, overwrite.checked);
          box.close();
          announce(`Saved as ${name.value}`);
        } catch (error) {
          complaint.textContent = error.message;
          replacing.hidden = error.status !== 409;
        }
      },
    },
    make("label", { for: "preset-name" }, "Name (small letters, digits, - and _)"), name,
    make("label", { for: "preset-summary" }, "Summary"), summary, replacing, complaint,
    make("button", { type: "submit", class: "primary" }, "Save")));
}
