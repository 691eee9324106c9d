// The edit that is being put together: tasks that act together, their options, those of every run,
// presets under them. It emits `change` whenever any of it changes, `tasks` when other tasks act.

import { post } from "./api.js";
import { OptionsForm } from "./form.js";

const RUN_FIRST = ["quality", "samples", "seed"];
const KEPT = "studio-draft";

export class Draft extends EventTarget {
  /** `catalogue` is the list of tasks, `runOptions` what every run takes. */
  constructor(catalogue, runOptions, workbench, pictures) {
    super();
    Object.assign(this, { workbench, pictures });
    this.catalogue = new Map(catalogue.map((task) => [task.name, task]));
    this.runOptions = runOptions.map((option) =>
      ({ ...option, rarely: option.rarely || !RUN_FIRST.includes(option.name) }));
    this.presets = [];
    this.forms = [];
    this.followsCurrent = true;
    this.run = this.formOf(null, this.runOptions);
    workbench.addEventListener("change", () => this.followCurrent());
    workbench.addEventListener("draw", () => this.keep());
  }

  formOf(task, options) {
    return new OptionsForm(task, options, {
      workbench: this.workbench,
      pictures: this.pictures,
      subject: (kind) => this.subject(kind),
      changed: (form, field) => this.onField(form, field),
      propose: (form, option) => this.proposal(form, option),
    }, task ? ["strength"] : RUN_FIRST);
  }

  get tasks() {
    return this.forms.map(({ task }) => task);
  }

  get all() {
    return [...this.forms, this.run];
  }

  /** Lets the task `name` act alone, with what is given for it kept where it has the option. */
  async choose(name) {
    this.forgetSeed();
    await this.setTasks([name]);
  }

  /** A seed is of the edit that it came with: what is begun anew has its own. */
  forgetSeed() {
    this.run.field("seed")?.forget();
  }

  /** Lets another task act too. */
  async join(name) {
    await this.setTasks([...this.tasks.map((task) => task.name), name]);
  }

  /** Takes the task at that place out again. */
  async leave(index) {
    await this.setTasks(this.tasks.map((task) => task.name).filter((_, k) => k !== index));
  }

  async setTasks(names) {
    const before = new Map(this.forms.map((form) => [form.task.name, form]));
    // What was chosen as the picture to work on goes on to the next task.
    const picture = this.subject();
    this.forms = names.map((name) => {
      const kept = before.get(name);
      before.delete(name);
      return kept ?? this.formOf(this.catalogue.get(name), this.catalogue.get(name).options);
    });
    for (const left of before.values()) left.stop();
    this.forms.forEach((form, k) => form.lead(k === 0));
    const field = this.subjectField();
    if (picture && field && field.value === undefined) field.put(picture.id);
    this.guessOther();
    this.dispatchEvent(new Event("tasks"));
    await this.inherit();
    this.onField();
  }

  /** Where a second picture is needed and just one other is open, it will be that. */
  guessOther() {
    const needed = this.forms.flatMap(({ list }) => list)
      .filter((field) => field.option.kind === "picture" && field.option.required && !field.isShared && field !== this.subjectField());
    const given = this.subjectField()?.value;
    const others = this.workbench.pictures.filter(({ id }) => id !== given && !this.pictures.made.has(id));
    if (needed.length !== 1 || others.length !== 1) return;
    const [field] = needed;
    if (field.value === undefined && !field.option.unless) field.put(others[0].id);
  }

  /**
   * The field of the picture that is edited: the one that the result is named after, if it must be
   * given; where something else may stand in its place it is made of the one that is learnt.
   */
  subjectField() {
    const [first] = this.forms;
    const named = first?.task.named_after && first.field(first.task.named_after);
    return named?.option.required && !named.option.unless ? named : this.learntField();
  }

  /** The field of the picture that is learnt. */
  learntField() {
    const [first] = this.forms;
    return first?.task.learns_from ? first.field(first.task.learns_from) : undefined;
  }

  /**
   * The picture to draw a value of that kind on: for what lies on the result the one that the result
   * is named after; else the one that is shown if it takes part, or the one that is learnt.
   */
  subject(kind = null) {
    const { current } = this.workbench;
    const [lead] = this.forms;
    const main = lead?.task.named_after && lead.field(lead.task.named_after).value;
    if (["region", "regions", "point"].includes(kind) && typeof main === "string" && this.pictures.known(main)) {
      return this.pictures.known(main);
    }
    const given = this.forms.flatMap(({ list }) => list
      .filter(({ option }) => option.kind === "picture")
      .flatMap((field) => [field.isGroup ? [] : field.value ?? []].flat())
      .filter((value) => typeof value === "string"));
    if (current && (!given.length || given.includes(current.id))) return current;
    const [first] = [this.subjectField()?.value, this.learntField()?.value].flat().filter((value) => typeof value === "string");
    return (typeof first === "string" && this.pictures.known(first)) || current;
  }

  /** As long as nothing was set, the picture that is shown is the one to work on. */
  followCurrent() {
    const field = this.subjectField();
    const { current } = this.workbench;
    const isResult = current && this.pictures.made.has(current.id);
    const isBegun = this.forms.some(({ list }) => list.some((one) => one !== field && one.isGiven));
    if (!field || !current || isResult || isBegun || !this.followsCurrent) return;
    field.put(current.id);
    this.guessOther();
    this.onField();
  }

  /** Makes a picture the one to work on. */
  useAsInput(picture) {
    const field = this.subjectField();
    if (!field) return;
    field.put(picture.id);
    this.onField(this.forms[0], field);
  }

  onField(form, field) {
    if (field && field === this.subjectField()) {
      this.followsCurrent = false;
      this.learnGround(field);
    }
    this.keep();
    this.dispatchEvent(new Event("change"));
  }

  /** What is painted or placed on a picture is to look like that, as long as no other is learnt. */
  learnGround(field) {
    const learnt = this.learntField();
    const { madeOn } = field.control;
    if (madeOn && learnt !== field && learnt?.value === undefined) learnt.put(madeOn.id);
  }

  /** The edit so far, as a preset file has it; with nothing uploaded. */
  soFar() {
    return this.packed(this.forms.map((form) => form.given()), this.run.given());
  }

  /** The edit with all that is drawn uploaded. */
  async edit() {
    return this.packed(await Promise.all(this.forms.map((form) => form.ready())), await this.run.ready());
  }

  packed(values, run) {
    const names = this.tasks.map(({ name }) => name);
    const tasks = names.map((name, k) => ({ name, ...plain(values[k]) }));
    const preset = this.presets.length ? { preset: this.presets.map(({ name }) => name) } : {};
    if (tasks.length !== 1) return { task: tasks, ...preset, ...plain(run) };
    const { name, ...own } = tasks[0];
    return { task: name, ...preset, ...own, ...plain(run) };
  }

  /** Takes over an edit: its tasks, presets and values. */
  async put(edit, known = []) {
    const { task, preset, ...rest } = edit;
    const listed = Array.isArray(task) ? task : [{ name: task }];
    const names = listed.map((one) => (typeof one === "string" ? one : one.name)).filter((name) => this.catalogue.has(name));
    this.presets = [preset ?? []].flat().map((name) => known.find((one) => one.name === name) ?? { name, summary: "" });
    for (const form of this.forms) form.stop();
    this.forms = [];
    await this.setTasks(names);
    const shared = underscored(rest);
    this.forms.forEach((form, k) => {
      const own = typeof listed[k] === "object" ? underscored(listed[k]) : {};
      form.put({ ...(this.forms.length === 1 ? shared : {}), ...own });
    });
    this.run.put(shared);
    this.followsCurrent = this.subjectField()?.value === undefined;
    this.onField();
  }

  /** Puts a preset under what is given; its tasks act if it has some. */
  async addPreset(preset) {
    this.presets = [...this.presets.filter(({ name }) => name !== preset.name), preset];
    const own = this.tasks.map(({ name }) => name);
    if (preset.tasks.length && !preset.tasks.every((name) => own.includes(name))) {
      this.presets = [preset];
      this.forgetSeed();
      await this.setTasks(preset.tasks);
    } else await this.inherit();
    this.onField();
  }

  async removePreset(name) {
    this.presets = this.presets.filter((one) => one.name !== name);
    await this.inherit();
    this.onField();
  }

  /** Shows what holds where nothing is given: the options' defaults, and over them the presets. */
  async inherit() {
    const under = new Map();
    if (this.presets.length && this.forms.length) {
      for (const { option, value, from } of await post("explain", this.packed(this.forms.map(() => ({})), {}))) {
        if (from.startsWith("preset")) under.set(option.replaceAll("-", "_"), { value, from });
      }
    }
    for (const form of this.all) {
      for (const field of form.list) {
        const { name } = field.option;
        const found = under.get(form.task ? `${form.task.name.replaceAll("-", "_")}.${name}` : name);
        field.inherit(found?.value ?? field.own, found?.from.replace(/ \(.*\)$/, "") ?? null);
      }
    }
  }

  /** What the task would choose by itself for a region: a mask picture, or null. */
  async proposal(form, option) {
    try {
      const name = `${form.task.name}.${option.name}`;
      const found = await post("proposals", { ...(await this.edit()), option: name });
      return found.id ? found : null;
    } catch {
      return null; // as long as something else is missing, nothing can be proposed
    }
  }

  /** The first field with something wrong, or null; all wrong ones say so. */
  wrong() {
    return this.all.map((form) => form.wrong()).filter(Boolean)[0] ?? null;
  }

  /** Shows what the server refused at its field; false if it has none here. */
  blame({ option, message }) {
    return this.all.some((form) => form.blame(option, message));
  }

  /** Keeps what is given for when the page is loaded anew. */
  keep() {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(this.soFar()));
    } catch {
      // no room or not allowed: nothing depends on it
    }
  }

  /** What was kept, or null. */
  static kept() {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT));
    } catch {
      return null;
    }
  }
}

/** Values without those that only stand for something that isn't uploaded yet. */
function plain(values) {
  return Object.fromEntries(Object.entries(values)
    .map(([name, value]) => [name, value && typeof value === "object" && !Array.isArray(value) ? value.mask ?? value.picture : value])
    .filter(([, value]) => value !== undefined && value !== null));
}

function underscored(values) {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name.replaceAll("-", "_"), value]));
}
