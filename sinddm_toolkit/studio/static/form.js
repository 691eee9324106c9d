// Forms made from the option schema: each option is a field with its label, control and help.

import { controlFor, listControl, readyOf, same } from "./controls.js";
import { button, freshId, inWords, make, sentence } from "./elements.js";
import { groupControl, hasSides, SIDES, sidesControl } from "./groups.js";

/** Milliseconds that a field is pointed out, in the style sheet as well. */
const POINTED_OUT = 2400;

/** One option, or several that make one control: what is given, what holds if nothing is. */
class Field {
  constructor(option, followers, form) {
    this.option = option;
    this.options = [option, ...followers];
    this.isGroup = followers.length > 0;
    this.form = form;
    this.touched = false;
    /** Whether another task of the edit has its value: that of the picture that is learnt. */
    this.isShared = false;
    this.own = this.isGroup ? {} : option.default ?? undefined;
    this.inherited = this.own;
    this.origin = null;
    const ids = { id: freshId("value"), help: freshId("help"), complaint: freshId("complaint") };
    this.complaint = make("p", { class: "complaint", id: ids.complaint, role: "alert" });
    const tools = form.toolsOf(this, ids);
    this.control = this.isGroup ? groupControl(option, followers, tools)
      : option.many ? listControl(option, tools) : controlFor(option, tools);
    this.note = make("span", { class: "origin" });
    this.reset = button("Reset", () => { this.forget(); form.changed(this); }, {
      class: "quiet reset", "aria-label": `Reset ${inWords(option.name)}`,
    });
    const label = make("label", { for: ids.id, title: option.flag }, form.isAlternative(option) && make("span", { class: "instead" }, "or "), inWords(option.name), option.required && make("span", { class: "needed", title: "needed" }, " •"));
    this.row = make("div", { class: `field kind-${option.kind}${this.isGroup ? " grouped" : ""}`, "data-option": option.name },
      make("div", { class: "field-head" }, label, this.note, this.reset),
      this.control.element,
      this.complaint,
      make("p", { class: "help", id: ids.help }, this.options.map(({ name, help }) =>
        make("span", { class: "help-line" },
          this.isGroup ? `${inWords(name)}: ${readable(help)}` : sentence(readable(help))))));
    this.forget();
  }

  /** Back to what holds if nothing is given. */
  forget() {
    this.touched = false;
    this.control.set(this.inherited);
    this.complain(null);
    this.show();
  }

  /** What holds if nothing is given, and where that is from (null: the option's own default). */
  inherit(value, origin) {
    this.inherited = value ?? undefined;
    this.origin = origin;
    if (this.touched) this.show();
    else this.forget();
  }

  /** Gives a value; undefined takes it back. */
  put(value) {
    if (value === undefined) {
      this.forget();
      return;
    }
    this.touched = true;
    this.control.set(value);
    this.complain(null);
    this.show();
  }

  show() {
    this.note.textContent = this.origin && !this.isGiven ? this.origin : "";
    this.reset.hidden = !this.isGiven || this.option.required;
  }

  get value() {
    return this.control.get();
  }

  get isGiven() {
    return this.touched && !this.isShared && this.value !== undefined && !same(this.value, this.inherited);
  }

  /** `{name: value}` of what is given, as far as it is there without an upload. */
  given() {
    return this.isGiven ? this.named(this.value) : {};
  }

  /** The same with what is drawn uploaded. */
  async ready() {
    return this.isGiven ? this.named(await readyOf(this.control)) : {};
  }

  named(value) {
    if (this.isGroup) return value;
    return value === undefined ? {} : { [this.option.name]: value };
  }

  /** What is wrong here, in words, or null. */
  problem() {
    if (this.isShared) return null;
    const wrong = this.control.problem();
    if (wrong) return wrong;
    for (const option of this.options) {
      const value = this.isGroup ? this.value[option.name] : this.value;
      const other = option.unless && this.form.field(option.unless);
      const isMissing = value === undefined || (option.follows && value.some((one) => !one.length));
      if (other && other.value !== undefined && !isMissing) {
        return `give this or ${inWords(option.unless)}, not both`;
      }
      if (option.required && isMissing && other?.value === undefined) {
        const instead = other ? `, or ${inWords(option.unless)}` : "";
        return this.isGroup ? this.missingInGroup(option) : `this is needed${instead}`;
      }
    }
    return null;
  }

  /** Which value of a group is missing, in words. */
  missingInGroup(option) {
    const lists = this.value[option.name] ?? [];
    const row = lists.findIndex((one) => Array.isArray(one) && !one.length);
    const where = lists.length > 1 && row >= 0 ? `${inWords(this.option.name)} ${row + 1}: ` : "";
    return `${where}${inWords(option.name)} is needed`;
  }

  complain(text) {
    this.complaint.textContent = text ? sentence(text) : "";
    this.row.classList.toggle("wrong", Boolean(text));
    const named = this.row.querySelector("input:not([type=range]), select");
    if (text) named?.setAttribute("aria-invalid", "true");
    else named?.removeAttribute("aria-invalid");
  }

  focus() {
    for (let box = this.row.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    this.control.focus();
    this.row.scrollIntoView({ block: "center", behavior: "auto" });
  }
}

/** Help as the page has it: other options by their labels, not by their flags. */
function readable(help) {
  return help.replaceAll(/--([a-z][a-z0-9-]*)/g, (_, name) => `“${inWords(name)}”`);
}

/** The fields of a task, or of all tasks (`task` null), in the order in which people need them. */
export class OptionsForm {
  /**
   * `context` has `workbench`, `pictures`, `subject(kind)` (the picture to draw on), `changed(form)` and
   * `propose(form, option)`; `first` names the options that go before others.
   */
  constructor(task, options, context, first = ["strength"]) {
    this.task = task;
    this.context = context;
    this.first = first;
    /** The names of the options that may stand in the place of another. */
    this.alternatives = new Set(options.map(({ unless }) => unless).filter(Boolean));
    this.fields = new Map();
    const groups = new Map(options.filter(({ follows }) => !follows).map((option) =>
      [option, options.filter(({ follows }) => follows === option.name)]));
    for (const [option, followers] of groups) {
      const field = new Field(option, followers, this);
      for (const { name } of field.options) this.fields.set(name, field);
    }
    this.list = [...new Set(this.fields.values())];
    this.sides = hasSides(options) ? sidesControl(this.fields, this.toolsOf(null, {})) : null;
    this.element = make("div", { class: "options-form" }, this.arranged(first));
  }

  arranged(first) {
    // What the task works on, then what is drawn on it, then the dials.
    const rank = (field) => {
      const { option } = field;
      if (option.required || this.isAlternative(option)) return -3;
      if (option.kind === "region" || this.isSide(option)) return -2;
      return first.includes(option.name) ? -1 - 0.01 * (first.length - first.indexOf(option.name)) : 0;
    };
    const sorted = [...this.list].sort((a, b) => rank(a) - rank(b));
    const usual = sorted.filter(({ option }) =>
      option.required || this.isAlternative(option) || !(option.rarely || this.isInstead(option)));
    const rare = sorted.filter((field) => !usual.includes(field));
    const isSide = ({ option }) => this.isSide(option);
    const rows = usual.filter((field) => !isSide(field)).map(({ row }) => row);
    if (this.sides) {
      const before = usual.findIndex(isSide);
      rows.splice(before, 0, make("div", { class: "sides", role: "group", "aria-label": "Edges" },
        this.sides.element, usual.filter(isSide).map(({ row }) => row)));
    }
    if (!rare.length) return rows;
    return [...rows, make("details", { class: "more" }, make("summary", {}, "More"), rare.map(({ row }) => row))];
  }

  /**
   * Whether an option speaks of another way to give a picture that can be made here: who has the
   * canvas places things on it instead.
   */
  isInstead({ help }) {
    const instead = this.list.map(({ option }) => option).filter(({ kind, unless }) => kind === "picture" && unless);
    return instead.some(({ unless }) => help.includes(`--${unless.replaceAll("_", "-")} `));
  }

  isSide({ name }) {
    return this.sides !== null && SIDES.includes(name);
  }

  isAlternative({ name }) {
    return this.alternatives.has(name);
  }

  toolsOf(field, ids) {
    const { workbench, pictures, subject } = this.context;
    const option = field?.option ?? null;
    return {
      workbench, pictures, subject,
      id: ids.id,
      describedBy: ids.help && `${ids.help} ${ids.complaint}`,
      label: option ? inWords(option.name) : "Edges",
      isSubject: Boolean(option) && option.name === this.task?.learns_from,
      isAlternative: Boolean(option) && this.isAlternative(option),
      propose: option && (() => this.context.propose(this, option)),
      complain: (text) => field?.complain(text),
      changed: () => field && this.touch(field),
    };
  }

  touch(field) {
    field.touched = true;
    field.complain(field.control.problem());
    field.show();
    // What was needed in its place may not be any more.
    for (const { name } of field.options) {
      this.list?.filter(({ option }) => option.unless === name).forEach((other) => other.complain(other.control.problem()));
    }
    if (this.sides && this.isSide(field.option)) this.sides.push();
    this.changed(field);
  }

  changed(field) {
    if (this.list) this.context.changed(this, field);
  }

  field(name) {
    return this.fields.get(name);
  }

  /** `{name: value}` of what is given so far. */
  given() {
    return Object.assign({}, ...this.list.map((field) => field.given()));
  }

  /** The same with what is drawn uploaded. */
  async ready() {
    return Object.assign({}, ...(await Promise.all(this.list.map((field) => field.ready()))));
  }

  /** Gives values by their names, and takes back all others. */
  put(values) {
    for (const field of this.list) {
      const own = field.options.filter(({ name }) => values[name] !== undefined && values[name] !== null);
      if (!own.length) field.put(undefined);
      else field.put(field.isGroup ? values : values[field.option.name]);
    }
  }

  /** Whether this task comes first: only then it is asked which picture is learnt. */
  lead(isFirst) {
    const field = this.field(this.task.learns_from);
    if (!field) return;
    field.isShared = !isFirst;
    field.row.hidden = !isFirst;
  }

  /**
   * Goes on with what was placed on the picture, for one that is needed and can be made so (it is
   * another way to give what `unless` names); whether there was something.
   */
  resume() {
    return this.list.some(({ option, control }) => option.kind === "picture" && option.required && option.unless
      && this.field(option.unless).value === undefined && control.resume?.());
  }

  /** Begins to draw the first thing that is drawn here, if there is one. */
  start() {
    if (this.resume()) return;
    const drawn = this.list.filter(({ option }) => ["region", "size"].includes(option.kind) && !option.rarely);
    const needed = drawn.find(({ option }) => option.required);
    const region = drawn.find(({ option }) => option.kind === "region");
    // What is needed, then the canvas itself, then what only may be drawn on it.
    if (needed) needed.control.start?.();
    else if (this.sides) this.sides.start();
    else region?.control.start?.();
  }

  /** Shows for a moment which dial to try first, if one goes before others. */
  pointOut() {
    const field = this.list.find(({ option }) => this.first.includes(option.name));
    if (!field) return;
    field.row.classList.add("pointed-out");
    setTimeout(() => field.row.classList.remove("pointed-out"), POINTED_OUT);
  }

  /** The first field with something wrong; each says its own. */
  wrong() {
    const found = this.list.filter((field) => {
      const text = field.problem();
      field.complain(text);
      return text;
    });
    return found[0] ?? null;
  }

  /** Shows what the server says of the option with that flag; false if it isn't here. */
  blame(flag, text) {
    const field = flag && this.fields.get(flag.replace(/^--(no-)?/, "").replaceAll("-", "_"));
    if (!field) return false;
    field.complain(readable(text));
    field.focus();
    return true;
  }

  /** Takes from the pictures what is drawn for this form. */
  stop() {
    this.list.forEach(({ control }) => control.stop?.());
    this.sides?.stop();
  }
}
