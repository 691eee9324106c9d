/**
 * What all editors have in common: a value that is drawn on a picture.
 *
 * An editor is also the tool that the viewer gives the pointer and keys to (`Tool` in view.js).
 * What it has in the bars: `tools`, a list of `{id, label, key, icon}`, and `controls(bar)`.
 */

import { say } from "./elements.js";

export const COLOURS = ["#ff2d6f", "#2f7bff", "#12a150", "#b05cff", "#e08a00", "#00a3a3"];

export class Editor extends EventTarget {
  /** @param {import("./view.js").Viewer} view */
  constructor(view, picture, { label = "", option = "", colour = COLOURS[0], onchange } = {}) {
    super();
    this.view = view;
    this.picture = picture;
    this.label = label;
    this.option = option;
    this.colour = colour;
    this.onchange = onchange;
    this.active = false;
    this.tools = [];
    this.tool = null;
    /** Counts what was drawn, so that the same isn't uploaded twice. */
    this.version = 0;
  }

  /** Tells all who listen that the value is another now. */
  changed() {
    this.version++;
    this.onchange?.(this.value);
    this.dispatchEvent(new Event("change"));
  }

  /** The bars have to be built anew. */
  restated() {
    this.dispatchEvent(new Event("state"));
  }

  choose(tool) {
    this.tool = tool;
    say(this.tools.find(({ id }) => id === tool).label);
    this.restated();
    this.view.rehandle();
  }

  async ready() {
    return this.value;
  }

  get canUndo() {
    return false;
  }

  get canRedo() {
    return false;
  }

  undo() {}
  redo() {}
  controls() {}

  /** A key that means something wherever the focus is; whether it was taken. */
  shortcut(event) {
    const tool = this.tools.find(({ key }) => key && key.toLowerCase() === event.key.toLowerCase());
    if (!tool || event.altKey) return false;
    this.choose(tool.id);
    return true;
  }
}

/** Undo of a value that is small: all its states, as they were. */
export class States {
  constructor(first) {
    this.list = [structuredClone(first)];
    this.at = 0;
  }

  push(state) {
    if (JSON.stringify(state) === JSON.stringify(this.list[this.at])) return false;
    this.list.length = this.at + 1;
    this.list.push(structuredClone(state));
    this.at++;
    return true;
  }

  get canUndo() {
    return this.at > 0;
  }

  get canRedo() {
    return this.at < this.list.length - 1;
  }

  undo() {
    return structuredClone(this.list[(this.at = Math.max(0, this.at - 1))]);
  }

  redo() {
    return structuredClone(this.list[(this.at = Math.min(this.list.length - 1, this.at + 1))]);
  }
}

/** An editor that holds little, its `_state` (get and set), and remembers each: `_states`. */
export class StatesEditor extends Editor {
  /** What was drawn is another now, perhaps. */
  _done() {
    if (this._states.push(this._state)) this.changed();
    this._shown();
  }

  get canUndo() {
    return this._states.canUndo;
  }

  get canRedo() {
    return this._states.canRedo;
  }

  undo() {
    this._stepped(this._states.undo());
  }

  redo() {
    this._stepped(this._states.redo());
  }

  _stepped(state) {
    this._state = state;
    this.changed();
    this._shown();
  }

  _shown() {
    this.restated();
    this.view.rehandle();
  }
}

/** A line that can be seen on any ground: dark below, light above. */
export function outlined(context, path, { colour = "#fff", width = 1.5, dash = [] } = {}) {
  context.save();
  context.lineJoin = "round";
  for (const [style, wide] of [
    ["rgb(0 0 0 / 0.65)", width + 2],
    [colour, width],
  ]) {
    context.strokeStyle = style;
    context.lineWidth = wide;
    context.setLineDash(style === colour ? dash : []);
    context.beginPath();
    path(context);
    context.stroke();
  }
  context.restore();
}

/** A knob to drag, at (x, y) of the screen. */
export function knob(context, x, y, { colour = "#fff", round = false, size = 5 } = {}) {
  context.save();
  context.fillStyle = "#fff";
  context.strokeStyle = colour;
  context.lineWidth = 2;
  context.shadowColor = "rgb(0 0 0 / 0.5)";
  context.shadowBlur = 3;
  context.beginPath();
  if (round) context.arc(x, y, size + 1, 0, 2 * Math.PI);
  else context.rect(x - size, y - size, 2 * size, 2 * size);
  context.fill();
  context.shadowBlur = 0;
  context.stroke();
  context.restore();
}

/** Words on a ground of their own, with their left upper corner at (x, y). */
export function tag(context, x, y, words, colour) {
  context.save();
  context.font = "600 12px system-ui, sans-serif";
  const width = context.measureText(words).width + 12;
  context.fillStyle = colour;
  context.beginPath();
  context.roundRect(x, y, width, 20, 4);
  context.fill();
  context.fillStyle = "#fff";
  context.textBaseline = "middle";
  context.fillText(words, x + 6, y + 10.5);
  context.restore();
  return width;
}
