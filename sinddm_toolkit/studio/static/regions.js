/** Boxes on a picture: one, or sources with the targets where they are to appear; and points. */

import { COLOURS, knob, outlined, States, StatesEditor, tag } from "./editor.js";
import { make } from "./elements.js";
import { iconButton } from "./icons.js";
import { number } from "./inputs.js";
import { parsedBox } from "./mask.js";
import { boxOf } from "./shapes.js";

const NEAR = 10; // pixels of the screen around a knob
const FAR = 4; // that a press must move to be a drag
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const KNOBS = [
  ["x0", "y0", "nwse-resize"],
  [null, "y0", "ns-resize"],
  ["x1", "y0", "nesw-resize"],
  ["x1", null, "ew-resize"],
  ["x1", "y1", "nwse-resize"],
  [null, "y1", "ns-resize"],
  ["x0", "y1", "nesw-resize"],
  ["x0", null, "ew-resize"],
];

const written = ({ x0, y0, x1, y1 }) => `${x0},${y0},${x1 - x0},${y1 - y0}`;

/** What boxes and sources with targets have in common: choosing, moving, sizing. */
class Boxes extends StatesEditor {
  keys = [
    ["Arrows", "Move the box by a pixel, with Shift by ten; with Alt size it"],
    ["N", "A new box"],
    [".", "The next box"],
    ["Delete", "Remove"],
  ];

  constructor(view, picture, options) {
    super(view, picture, options);
    this.groups = [];
    this.chosen = null; // {group, target}; target -1 is the source
    this._drag = null;
    this._states = new States([]);
  }

  /** What a box lies on. */
  room() {
    return this.picture;
  }

  colourOf(group) {
    return this.groups.length > 1 ? COLOURS[group % COLOURS.length] : this.colour;
  }

  boxAt({ group, target }) {
    const found = this.groups[group];
    return target < 0 ? found?.source : found?.targets[target];
  }

  _put({ group, target }, box) {
    if (target < 0) this.groups[group].source = box;
    else this.groups[group].targets[target] = box;
  }

  _choose(one) {
    this.chosen = one;
    this.restated();
    this.view.rehandle();
  }

  get _state() {
    return this.groups;
  }

  set _state(groups) {
    this.groups = groups;
    if (this.chosen && !this.boxAt(this.chosen)) this.chosen = null;
  }

  /** All boxes, the ones on top first. */
  _all() {
    const all = [];
    this.groups.forEach(({ targets }, group) => {
      all.push({ group, target: -1 });
      targets.forEach((_, target) => all.push({ group, target }));
    });
    const isTarget = ({ target }) => (target < 0 ? 0 : 1);
    return all.sort((a, b) => isTarget(b) - isTarget(a));
  }

  _hit({ x, y }) {
    return this._all().find((one) => {
      const { x0, y0, x1, y1 } = this.boxAt(one);
      return x >= x0 && y >= y0 && x < x1 && y < y1;
    });
  }

  _knob(at) {
    const box = this.chosen && this.boxAt(this.chosen);
    if (!box) return null;
    const here = this.view.toScreen(at.x, at.y);
    return KNOBS.find(([x, y]) => {
      const there = this._knobPlace(box, x, y);
      return Math.hypot(there.x - here.x, there.y - here.y) < this.view.reach(NEAR);
    });
  }

  _knobPlace(box, x, y) {
    const middle = { x: (box.x0 + box.x1) / 2, y: (box.y0 + box.y1) / 2 };
    return this.view.toScreen(x ? box[x] : middle.x, y ? box[y] : middle.y);
  }

  // --- the pointer

  down(at, event) {
    const knobbed = this._knob(at);
    const hit = this._hit(at);
    if (knobbed) this._drag = { knob: knobbed, was: { ...this.boxAt(this.chosen) } };
    else if (hit) {
      this._drag = { ...this.taken(hit, event), was: { ...this.boxAt(hit) } };
      this._choose(hit);
    } else {
      this._drag = { fresh: true };
      this._choose(null);
    }
    Object.assign(this._drag, { at, before: structuredClone(this.groups), moved: false });
  }

  /** What a drag that begins on a box does: {} moves it. */
  taken() {
    return {};
  }

  move(at, event) {
    const drag = this._drag;
    if (!drag) return;
    const far = Math.hypot(at.x - drag.at.x, at.y - drag.at.y) * this.view.scale;
    if (!drag.moved && far < FAR && !this.view.pressedByKey) return;
    if (!drag.moved) this._begun(drag);
    drag.moved = true;
    if (drag.fresh) this._put(this.chosen, boxOf(drag.at, at, this.picture));
    else if (drag.knob) this._sized(drag, at, event);
    else this._put(this.chosen, this._shifted(drag.was, at.x - drag.at.x, at.y - drag.at.y));
    this.view.rehandle();
  }

  _begun(drag) {
    if (!drag.fresh) return;
    this.groups.push({ source: boxOf(drag.at, drag.at, this.picture), targets: [] });
    this.chosen = { group: this.groups.length - 1, target: -1 };
  }

  /** The chosen one's room: sources lie on the picture. */
  _room() {
    return this.chosen?.target >= 0 ? this.room() : this.picture;
  }

  _shifted(box, dx, dy) {
    const { width, height } = this._room();
    const wide = box.x1 - box.x0;
    const high = box.y1 - box.y0;
    const x0 = Math.max(0, Math.min(Math.max(0, width - wide), Math.round(box.x0 + dx)));
    const y0 = Math.max(0, Math.min(Math.max(0, height - high), Math.round(box.y0 + dy)));
    return { x0, y0, x1: x0 + wide, y1: y0 + high };
  }

  _sized({ knob: [x, y], was }, at, event) {
    const box = { ...was };
    if (x) box[x] = at.x;
    if (y) box[y] = at.y;
    if (event?.shiftKey && x && y) {
      const shape = (was.y1 - was.y0) / (was.x1 - was.x0);
      const way = y === "y1" ? 1 : -1;
      const anchor = y === "y1" ? was.y0 : was.y1;
      box[y] = anchor + way * Math.abs(box.x1 - box.x0) * shape;
    }
    const corners = [
      { x: box.x0, y: box.y0 },
      { x: box.x1, y: box.y1 },
    ];
    this._put(this.chosen, boxOf(...corners, this._room()));
  }

  up(at, event) {
    this.move(at, event);
    this._drag = null;
    this._done();
  }

  cancel() {
    if (this._drag) this.groups = this._drag.before;
    this._drag = null;
    if (this.chosen && !this.boxAt(this.chosen)) this.chosen = null;
    this.view.rehandle();
  }

  cursor(at) {
    const knobbed = this._knob(at);
    if (knobbed) return knobbed[2];
    return this._hit(at) ? "move" : "crosshair";
  }

  // --- keys

  /** Arrows move the chosen box by a pixel, with Shift by ten; with Alt they size it. */
  key(event) {
    const arrow = ARROWS[event.key];
    if (event.key === "Escape" && this.chosen) this._choose(null);
    else if (!arrow || !this.chosen) return false;
    else {
      const by = event.shiftKey ? 10 : 1;
      const box = this.boxAt(this.chosen);
      const [dx, dy] = [arrow[0] * by, arrow[1] * by];
      if (event.altKey) {
        const { width, height } = this._room();
        this._put(this.chosen, {
          ...box,
          x1: Math.min(width, Math.max(box.x0 + 1, box.x1 + dx)),
          y1: Math.min(height, Math.max(box.y0 + 1, box.y1 + dy)),
        });
      } else this._put(this.chosen, this._shifted(box, dx, dy));
      this._done();
    }
    return true;
  }

  shortcut(event) {
    const all = this._all();
    if (event.key === "n") this.fresh();
    else if (event.key === "." && all.length) {
      const at = all.findIndex(
        ({ group, target }) => group === this.chosen?.group && target === this.chosen.target,
      );
      this._choose(all[(at + 1) % all.length]);
    } else if ((event.key === "Delete" || event.key === "Backspace") && this.chosen) this.remove();
    else return super.shortcut(event);
    return true;
  }

  /** A new box in the middle of what is seen. */
  fresh() {
    const { width, height } = this.picture;
    const { view } = this;
    const middle = view.toPicture(view.width / 2, view.height / 2);
    const side = Math.max(1, Math.round(Math.min(width, height) / 4));
    const x = Math.max(0, Math.min(width - side, Math.round(middle.x - side / 2)));
    const y = Math.max(0, Math.min(height - side, Math.round(middle.y - side / 2)));
    this.groups.push({ source: { x0: x, y0: y, x1: x + side, y1: y + side }, targets: [] });
    this.chosen = { group: this.groups.length - 1, target: -1 };
    this._done();
  }

  remove() {
    const { group, target } = this.chosen;
    if (target < 0) this.groups.splice(group, 1);
    else this.groups[group].targets.splice(target, 1);
    this.chosen = null;
    this._done();
  }

  // --- what shows

  draw(context, view) {
    const box = this.chosen && this.boxAt(this.chosen);
    if (!box) return;
    for (const [x, y] of KNOBS) {
      const at = this._knobPlace(box, x, y);
      knob(context, at.x, at.y, { colour: this.colourOf(this.chosen.group), size: 4 });
    }
  }

  backdrop(context, view) {
    for (const one of this._all().reverse()) {
      const box = this.boxAt(one);
      const { x, y } = view.toScreen(box.x0, box.y0);
      const [width, height] = [(box.x1 - box.x0) * view.scale, (box.y1 - box.y0) * view.scale];
      const colour = this.colourOf(one.group);
      if (one.target >= 0) this.drawContent(context, view, one, { x, y, width, height });
      const dash = one.target < 0 ? [] : [7, 5];
      outlined(context, (on) => on.rect(x, y, width, height), { colour, width: 2, dash });
      const words = this.wordsOf(one);
      if (words) tag(context, x, y - 22 < 0 ? y + 2 : y - 22, words, colour);
    }
  }

  wordsOf() {
    return `${this.label}`;
  }

  drawContent() {}

  controls(bar) {
    if (this.chosen) this._fields(bar, this.boxAt(this.chosen));
    else bar.append(make("span", { class: "hint" }, this.hint));
    if (this.chosen) bar.append(iconButton("trash", "Remove", () => this.remove(), { key: "Delete" }));
  }

  _fields(bar, box) {
    const { width, height } = this._room();
    const set = (values) => {
      const next = { x: box.x0, y: box.y0, w: box.x1 - box.x0, h: box.y1 - box.y0, ...values };
      const corners = [
        { x: next.x, y: next.y },
        { x: next.x + next.w, y: next.y + next.h },
      ];
      this._put(this.chosen, boxOf(...corners, this._room()));
      this._done();
    };
    bar.append(
      number("X", { min: 0, max: width - 1, value: box.x0 }, (x) => set({ x })),
      number("Y", { min: 0, max: height - 1, value: box.y0 }, (y) => set({ y })),
      number("Width", { min: 1, max: width, value: box.x1 - box.x0 }, (w) => set({ w })),
      number("Height", { min: 1, max: height, value: box.y1 - box.y0 }, (h) => set({ h })),
    );
  }
}

/** One box. */
export class Box extends Boxes {
  kind = "box";
  tools = [{ id: "box", label: "Box", key: "M", icon: "box" }];
  tool = "box";
  hint = "Draw a box";

  get value() {
    return this.groups.length ? written(this.groups[0].source) : null;
  }

  async set(value) {
    this.groups = value ? [{ source: parsedBox(value, this.picture), targets: [] }] : [];
    this.chosen = value ? { group: 0, target: -1 } : null;
    this._done();
  }

  _begun(drag) {
    if (drag.fresh) this.groups = [];
    super._begun(drag);
  }

  fresh() {
    this.groups = [];
    super.fresh();
  }
}

/** Sources, each with the targets where it is to appear. */
export class Regions extends Boxes {
  kind = "regions";
  tools = [{ id: "regions", label: "Regions and where they go", key: "M", icon: "box" }];
  tool = "regions";
  keys = [...this.keys, ["T", "A target of it"], ["Alt", "Held: drag the source itself"]];
  hint = "Draw a box around a thing, then drag it to where it is to appear";

  constructor(view, picture, options) {
    super(view, picture, options);
    this._canvas = options.canvas ?? null;
  }

  /** The size of the result, on which targets lie; null: the picture's. */
  get canvas() {
    return this._canvas;
  }

  set canvas(size) {
    this._canvas = size;
    this.view.rehandle();
    this.restated();
  }

  room() {
    return this._canvas ?? this.picture;
  }

  get extent() {
    if (!this._canvas) return null;
    const { width, height } = this.picture;
    const { canvas } = this;
    return { x0: 0, y0: 0, x1: Math.max(width, canvas.width), y1: Math.max(height, canvas.height) };
  }

  get value() {
    if (!this.groups.length) return null;
    return this.groups.map(({ source, targets }) => ({
      source: written(source),
      targets: targets.map(written),
    }));
  }

  async set(value) {
    this.groups = (value ?? []).map(({ source, targets }) => ({
      source: parsedBox(source, this.picture),
      targets: targets.map((target) => parsedBox(target, this.room())),
    }));
    this.chosen = null;
    this._done();
  }

  /** A drag from a source makes a target; with Alt, or by the keyboard's arrows, it moves. */
  taken({ target }, event) {
    return target < 0 && !event?.altKey ? { copies: true } : {};
  }

  _begun(drag) {
    super._begun(drag);
    if (!drag.copies) return;
    const { group } = this.chosen;
    this.groups[group].targets.push({ ...drag.was });
    this.chosen = { group, target: this.groups[group].targets.length - 1 };
  }

  cursor(at) {
    const hit = this._hit(at);
    return hit?.target < 0 && !this._knob(at) ? "copy" : super.cursor(at);
  }

  /** One more target of the chosen region, beside it. */
  freshTarget() {
    if (!this.chosen) return;
    const { group } = this.chosen;
    const from = this.boxAt(this.chosen);
    this.groups[group].targets.push({ ...from });
    this.chosen = { group, target: this.groups[group].targets.length - 1 };
    const { width } = this.room();
    const by = from.x1 + (from.x1 - from.x0) <= width ? 1 : -1;
    this._put(this.chosen, this._shifted(from, by * (from.x1 - from.x0), 0));
    this._done();
  }

  shortcut(event) {
    if (event.key !== "t") return super.shortcut(event);
    this.freshTarget();
    return true;
  }

  wordsOf({ group, target }) {
    const name = this.groups.length > 1 ? ` ${group + 1}` : "";
    return target < 0 ? `Source${name}` : `Target${name}`;
  }

  /** What is in the source, in its target's place. */
  drawContent(context, view, { group }, { x, y, width, height }) {
    const { source } = this.groups[group];
    const zoom = { x: width / (source.x1 - source.x0), y: height / (source.y1 - source.y0) };
    context.save();
    context.globalAlpha = 0.8;
    context.beginPath();
    context.rect(x, y, width, height);
    context.clip();
    const origin = { x: x - source.x0 * zoom.x, y: y - source.y0 * zoom.y };
    view.drawStretched(context, this.picture, origin, zoom);
    context.restore();
  }

  backdrop(context, view) {
    if (this._canvas) {
      const { width, height } = this._canvas;
      const { x, y } = view.toScreen(0, 0);
      const path = (on) => on.rect(x, y, width * view.scale, height * view.scale);
      outlined(context, path, { width: 1, dash: [2, 4] });
      tag(context, x + 4, y + 4, `Result ${width} × ${height}`, "rgb(0 0 0 / 0.6)");
    }
    super.backdrop(context, view);
  }

  controls(bar) {
    bar.append(iconButton("plus", "Source", () => this.fresh(), { words: true, key: "N" }));
    if (this.chosen) {
      bar.append(iconButton("plus", "Target", () => this.freshTarget(), { words: true, key: "T" }));
    }
    super.controls(bar);
    if (this.chosen && !this.groups[this.chosen.group].targets.length) {
      bar.append(make("span", { class: "hint" }, "Drag it to where it is to appear"));
    }
  }
}

/** A point. */
export class Point extends StatesEditor {
  kind = "point";
  tools = [{ id: "point", label: "Point", key: "P", icon: "pick" }];
  tool = "point";

  constructor(view, picture, options) {
    super(view, picture, options);
    this.at = null;
    this._states = new States(null);
  }

  get value() {
    return this.at && `${this.at.x},${this.at.y}`;
  }

  async set(value) {
    this.at = null;
    if (value) {
      const { width, height } = this.picture;
      const [x, y] = value.split(",").map((part, i) => {
        const found = Number(part.replace("%", ""));
        return Math.round(part.includes("%") ? (found / 100) * (i ? height : width) : found);
      });
      this.at = { x, y };
    }
    this._done();
  }

  _move({ x, y }) {
    const { width, height } = this.picture;
    const within = (value, length) => Math.max(0, Math.min(length - 1, Math.floor(value)));
    this.at = { x: within(x, width), y: within(y, height) };
    this.view.rehandle();
  }

  get _state() {
    return this.at;
  }

  set _state(at) {
    this.at = at;
  }

  down(at) {
    this._move(at);
  }

  move(at) {
    this._move(at);
  }

  up(at) {
    this._move(at);
    this._done();
  }

  cancel() {
    this.at = this._states.list[this._states.at];
    this.view.rehandle();
  }

  key(event) {
    const arrow = ARROWS[event.key];
    if (!arrow || !this.at) return false;
    const by = event.shiftKey ? 10 : 1;
    this._move({ x: this.at.x + by * arrow[0], y: this.at.y + by * arrow[1] });
    this._done();
    return true;
  }

  shortcut(event) {
    if (event.key !== "Delete" && event.key !== "Backspace") return super.shortcut(event);
    this.at = null;
    this._done();
    return true;
  }

  cursor() {
    return "crosshair";
  }

  backdrop(context, view) {
    if (!this.at) return;
    const { x, y } = view.toScreen(this.at.x + 0.5, this.at.y + 0.5);
    outlined(context, (on) => on.arc(x, y, 9, 0, 2 * Math.PI), { colour: this.colour, width: 2 });
    outlined(
      context,
      (on) => {
        on.moveTo(x - 15, y);
        on.lineTo(x + 15, y);
        on.moveTo(x, y - 15);
        on.lineTo(x, y + 15);
      },
      { width: 1 },
    );
  }

  controls(bar) {
    const { width, height } = this.picture;
    if (!this.at) {
      bar.append(make("span", { class: "hint" }, "Click where"));
      return;
    }
    const set = (values) => {
      this._move({ ...this.at, ...values });
      this._done();
    };
    bar.append(
      number("X", { min: 0, max: width - 1, value: this.at.x }, (x) => set({ x })),
      number("Y", { min: 0, max: height - 1, value: this.at.y }, (y) => set({ y })),
    );
  }
}
