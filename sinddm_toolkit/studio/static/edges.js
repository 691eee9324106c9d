/** The canvas's edges, dragged: how much is added on each side, or a size. */

import { knob, outlined, States, StatesEditor, tag } from "./editor.js";
import { make } from "./elements.js";
import { number } from "./inputs.js";

const NEAR = 14; // pixels of the screen around a knob
const ARROWS = { ArrowLeft: "left", ArrowRight: "right", ArrowUp: "top", ArrowDown: "bottom" };
const LARGEST = 100000;
const SMALLEST = 16; // of a size: below it a number is a factor

/** A frame around the picture whose sides are dragged. Subclasses say which, and what it means. */
class Frame extends StatesEditor {
  tools = [{ id: "edges", label: "Drag the edges", key: "M", icon: "fit" }];
  tool = "edges";
  keys = [
    ["Arrows", "Push that side out by a pixel, with Shift by ten, with Alt back in"],
    ["Delete", "The picture's own size"],
  ];

  constructor(view, picture, options) {
    super(view, picture, options);
    this.box = this._picture();
    this._states = new States(this.box);
    this._drag = null;
  }

  _picture() {
    return { x0: 0, y0: 0, x1: this.picture.width, y1: this.picture.height };
  }

  /** What has to be seen where all is fitted. */
  get extent() {
    const { width, height } = this.picture;
    const { x0, y0, x1, y1 } = this.box;
    const more = 0.1 * Math.max(width, height);
    return {
      x0: Math.min(0, x0) - (this.has("x0") ? more : 0),
      y0: Math.min(0, y0) - (this.has("y0") ? more : 0),
      x1: Math.max(width, x1) + more,
      y1: Math.max(height, y1) + more,
    };
  }

  has(side) {
    return this.knobs.some(([x, y]) => x === side || y === side);
  }

  get _state() {
    return this.box;
  }

  set _state(box) {
    this.box = box;
  }

  _place([x, y]) {
    const { x0, y0, x1, y1 } = this.box;
    return this.view.toScreen(x ? this.box[x] : (x0 + x1) / 2, y ? this.box[y] : (y0 + y1) / 2);
  }

  _knob(at) {
    const here = this.view.toScreen(at.x, at.y);
    return this.knobs.find((one) => {
      const there = this._place(one);
      return Math.hypot(there.x - here.x, there.y - here.y) < this.view.reach(NEAR);
    });
  }

  down(at) {
    const found = this._knob(at);
    this._drag = found && { knob: found, at, was: { ...this.box } };
  }

  move(at) {
    if (!this._drag) return;
    const { knob: [x, y], at: start, was } = this._drag;
    if (x) this.box[x] = this.limited(x, was[x] + at.x - start.x);
    if (y) this.box[y] = this.limited(y, was[y] + at.y - start.y);
    this.view.rehandle();
  }

  up(at) {
    this.move(at);
    this._drag = null;
    this._done();
  }

  cancel() {
    if (this._drag) this.box = this._drag.was;
    this._drag = null;
    this.view.rehandle();
  }

  cursor(at) {
    return this._knob(at)?.[2] ?? "default";
  }

  /** An arrow pushes that side out by a pixel, with Shift by ten, with Alt back in. */
  key(event) {
    const way = ARROWS[event.key];
    const side = { left: "x0", right: "x1", top: "y0", bottom: "y1" }[way];
    if (!side || !this.has(side)) return false;
    const out = (side.endsWith("0") ? -1 : 1) * (event.altKey ? -1 : 1) * (event.shiftKey ? 10 : 1);
    this.box[side] = this.limited(side, this.box[side] + out);
    this._done();
    return true;
  }

  shortcut(event) {
    if (event.key !== "Delete" && event.key !== "Backspace") return super.shortcut(event);
    this.box = this._picture();
    this._done();
    return true;
  }

  backdrop(context, view) {
    const { x0, y0, x1, y1 } = this.box;
    const from = view.toScreen(x0, y0);
    const to = view.toScreen(x1, y1);
    const inner = view.toScreen(0, 0);
    const { width, height } = this.picture;
    const outer = view.toScreen(width, height);
    const added = new Path2D();
    added.rect(from.x, from.y, to.x - from.x, to.y - from.y);
    added.rect(inner.x, inner.y, outer.x - inner.x, outer.y - inner.y);
    context.save();
    context.fillStyle = "rgb(127 127 140 / 0.22)";
    context.fill(added, "evenodd");
    context.clip(added, "evenodd");
    context.strokeStyle = "rgb(127 127 140 / 0.35)";
    context.beginPath();
    const low = Math.min(from.x, inner.x);
    const high = Math.max(to.x, outer.x);
    const tall = Math.max(to.y, outer.y) - Math.min(from.y, inner.y);
    for (let x = low - tall; x < high; x += 12) {
      context.moveTo(x, Math.max(to.y, outer.y));
      context.lineTo(x + tall, Math.min(from.y, inner.y));
    }
    context.stroke();
    context.restore();
    const path = (on) => on.rect(from.x, from.y, to.x - from.x, to.y - from.y);
    outlined(context, path, { colour: this.colour, width: 2 });
    const words = `${x1 - x0} × ${y1 - y0}`;
    tag(context, (from.x + to.x) / 2 - 36, to.y - 26, words, this.colour);
  }

  draw(context) {
    for (const one of this.knobs) {
      const { x, y } = this._place(one);
      knob(context, x, y, { colour: this.colour, size: 6 });
    }
  }
}

/** How much is added on each side. */
export class Edges extends Frame {
  kind = "edges";
  knobs = [
    ["x0", null, "ew-resize"],
    ["x1", null, "ew-resize"],
    [null, "y0", "ns-resize"],
    [null, "y1", "ns-resize"],
    ["x0", "y0", "nwse-resize"],
    ["x1", "y0", "nesw-resize"],
    ["x1", "y1", "nwse-resize"],
    ["x0", "y1", "nesw-resize"],
  ];

  /** A side stays on the picture's or outside. */
  limited(side, value) {
    const { width, height } = this.picture;
    const at = Math.round(value);
    if (side.endsWith("0")) return Math.min(0, Math.max(-LARGEST, at));
    return Math.max(side === "x1" ? width : height, Math.min(LARGEST, at));
  }

  get value() {
    const { x0, y0, x1, y1 } = this.box;
    const { width, height } = this.picture;
    return { left: 0 - x0, right: x1 - width, top: 0 - y0, bottom: y1 - height };
  }

  async set(value) {
    const { width, height } = this.picture;
    const pixels = (length, side) => {
      const text = String(length ?? 0);
      return text.includes("%") ? (Number(text.replace("%", "")) / 100) * side : Number(text);
    };
    this.box = {
      x0: this.limited("x0", -pixels(value?.left, width)),
      y0: this.limited("y0", -pixels(value?.top, height)),
      x1: this.limited("x1", width + pixels(value?.right, width)),
      y1: this.limited("y1", height + pixels(value?.bottom, height)),
    };
    this._done();
  }

  controls(bar) {
    const { value } = this;
    for (const side of ["left", "right", "top", "bottom"]) {
      const label = side[0].toUpperCase() + side.slice(1);
      const limits = { min: 0, max: LARGEST, value: value[side], unit: "px" };
      bar.append(number(label, limits, (pixels) => this.set({ ...this.value, [side]: pixels })));
    }
    bar.append(make("span", { class: "hint" }, "Drag an edge or a corner"));
  }
}

/** A size. */
export class Sized extends Frame {
  kind = "size";
  knobs = [
    ["x1", null, "ew-resize"],
    [null, "y1", "ns-resize"],
    ["x1", "y1", "nwse-resize"],
  ];

  limited(side, value) {
    return Math.max(SMALLEST, Math.min(LARGEST, Math.round(value)));
  }

  get value() {
    const { x1, y1 } = this.box;
    const same = x1 === this.picture.width && y1 === this.picture.height;
    return same ? null : `${x1}x${y1}`;
  }

  async set(value) {
    this.box = this._picture();
    if (value) {
      const sides = value.toLowerCase().split("x");
      const { width, height } = this.picture;
      [this.box.x1, this.box.y1] = [width, height].map((length, i) => {
        const found = Number(sides[i].replace("%", ""));
        if (sides[i].includes("%")) return this.limited("", (found / 100) * length);
        // Smaller numbers are how many times the picture's side.
        return this.limited("", found < SMALLEST ? found * length : found);
      });
    }
    this._done();
  }

  controls(bar) {
    const limits = { min: SMALLEST, max: LARGEST, unit: "px" };
    const set = (values) => {
      const { x1, y1 } = { ...this.box, ...values };
      this.box = { ...this.box, x1, y1 };
      this._done();
    };
    bar.append(
      number("Width", { ...limits, value: this.box.x1 }, (x1) => set({ x1 })),
      number("Height", { ...limits, value: this.box.y1 }, (y1) => set({ y1 })),
      make("span", { class: "hint" }, "Drag an edge or the corner"),
    );
  }
}
