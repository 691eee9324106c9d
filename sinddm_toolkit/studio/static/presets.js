// Settings with a name: those that fit the tasks, with pictures of what they do.

import { get, post } from "./api.js";
import { button, fill, inWords, make, notice, sentence } from "./elements.js";

export class Presets extends EventTarget {
  all = [];

  async load() {
    this.all = (await get("presets")).filter(({ error }) => !error);
    this.dispatchEvent(new Event("change"));
  }

  /** Saves the options of an edit under a name of one's own. Refused if that can't be. */
  async save(name, summary, edit, overwrite = false) {
    await post("presets", { name, summary, edit, overwrite });
    await this.load();
  }

  /** Those that go with these tasks; with none chosen, those that can stand alone in `catalogue`. */
  fitting(names, catalogue) {
    if (!names.length) return this.all.filter(({ tasks: [lead] }) => catalogue.get(lead)?.learns_from);
    return this.all.filter(({ tasks }) => tasks.every((name) => names.includes(name)));
  }
}

/** The presets that fit, to be put under what is given, and those that are. */
export function presetsPanel(presets, draft) {
  const box = make("details", { class: "presets" }, make("summary", {}, "Presets"));
  const used = make("div", { class: "used-presets" });
  const list = make("ul", { class: "preset-list" });
  box.append(list);
  const show = () => {
    const names = draft.tasks.map(({ name }) => name);
    const fitting = presets.fitting(names, draft.catalogue);
    box.hidden = !fitting.length;
    box.firstChild.textContent = names.length ? `Presets for this (${fitting.length})` : "Or begin with a preset";
    fill(list, fitting.map((preset) => make("li", {}, card(preset, draft))));
    fill(used, draft.presets.map(({ name }) => make("span", { class: "chip" }, `Preset ${name}`,
      button("×", () => draft.removePreset(name), { class: "quiet", "aria-label": `Take preset ${name} away` }))));
  };
  presets.addEventListener("change", show);
  draft.addEventListener("tasks", show);
  draft.addEventListener("change", show);
  show();
  return make("section", { class: "presets-panel", "aria-label": "Presets" }, used, box);
}

function card(preset, draft) {
  const isUsed = draft.presets.some(({ name }) => name === preset.name);
  const what = preset.tasks.map(inWords).join(" + ") || "Any task";
  const act = async () => {
    try {
      await (isUsed ? draft.removePreset(preset.name) : draft.addPreset(preset));
    } catch (error) {
      notice(error.message);
    }
  };
  const element = button("", act, { class: "preset-card", "aria-pressed": String(isUsed), "data-preset": preset.name });
  element.append(
    preset.thumbnail ? make("img", { src: preset.thumbnail, alt: "", loading: "lazy" }) : make("span", { class: "no-picture", "aria-hidden": "true" }, preset.name.charAt(0)),
    make("span", { class: "preset-text" }, make("strong", {}, inWords(preset.name)), make("span", {}, sentence(preset.summary)),
      make("span", { class: "preset-tasks" }, preset.own ? `${what} · yours` : what)),
  );
  return element;
}
