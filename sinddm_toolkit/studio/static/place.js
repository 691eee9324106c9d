/** Things placed on a picture: move, scale, turn, flip, order, opacity; a lasso cuts one out. */

import { post } from "./api.js";
import { keepMade, keepPlaced, madeOf, placedOn } from "./compositions.js";
import { knob, outlined, States, StatesEditor } from "./editor.js";
import { make, notice } from "./elements.js";
import { iconButton } from "./icons.js";
import { number, slider } from "./inputs.js";
import { about, whole } from "./pictures.js";

const TOOLS = [
  { id: "move", label: "Move and turn", key: "V", icon: "move" },
  { id: "lasso", label: "Cut out: draw around the thing", key: "L", icon: "lasso" },
];
const SHOWN_FROM = 2048; // the level that a thing is shown from, its longest side
const NEAR = 12; // pixels of the screen around a knob
const STALK = 28; // of the knob that turns, in pixels of the screen

/**
 * @typedef {Object} Layer
 * @property {string} picture  Its id.
 * @property {number} x @property {number} y  Where its middle is, in the background's pixels.
 * @property {number} scale @property {number} rotation  In degrees, clockwise.
 * @property {boolean} flip  Left and right, before it is turned.
 * @property {number} opacity @property {[number, number][] | null} outline  In its own pixels.
 */

export class Place extends StatesEditor {
  kind = "place";
  tools = TOOLS;
  keys = [
    ["Arrows", "Move the thing by a pixel, with Shift by ten"],
    [", .", "Smaller, larger"],
    ["R", "Turn clockwise, with Shift the other way"],
    ["F", "Flip left and right"],
    ["N", "The next thing"],
    ["PageUp PageDown", "To the front, to the back"],
    ["Delete", "Remove"],
  ];

  constructor(view, picture, options) {
    super(view, picture, options);
    this.tool = "move";
    /** From the back to the front. @type {Layer[]} */
    this.layers = [];
    this.chosen = -1;
    this.things = new Map(); // id → {picture, canvas}
    this._states = new States([]);
    this._made = null;
    this._given = null;
    this._resuming = null;
    this._drag = null;
    this._path = null;
  }

  // --- the value

  get value() {
    if (this._given?.version === this.version) return this._given.value;
    if (!this.layers.length) return null;
    return { picture: this._made?.version === this.version ? this._made.id : null };
  }

  /** A composite made here comes apart again; any other stands until something is placed. */
  async set(value) {
    this.layers = [];
    this.chosen = -1;
    if (this._states.push([])) this.changed();
    this._given = { version: this.version, value };
    this.view.rehandle();
    this.restated();
    const made = value && madeOf(value.picture);
    if (made?.background !== this.picture.id || !(await this._fetch(made.layers))) return;
    if (this._given?.version !== this.version) return; // something was placed meanwhile
    this._made = { version: this.version + 1, id: value.picture };
    this._restore(made.layers);
  }

  /** Goes on with what was placed on this picture before. */
  async resume() {
    const layers = placedOn(this.picture.id);
    if (!layers) return;
    this._resuming = this._fetch(layers);
    await this._resuming;
    const there = layers.filter(({ picture }) => this.things.has(picture));
    if (there.length && !this._given) this._restore(there); // nothing else was set meanwhile
  }

  /** Gets the pictures of layers; whether all are there still. */
  async _fetch(layers) {
    const ids = [...new Set(layers.map(({ picture }) => picture))];
    const found = await Promise.allSettled(ids.map(async (id) => this._learn(await about(id))));
    return found.every(({ status }) => status === "fulfilled");
  }

  async _learn(picture) {
    if (this.things.has(picture.id)) return;
    this.things.set(picture.id, { picture, canvas: await whole(picture, SHOWN_FROM) });
  }

  _restore(layers) {
    this.layers = structuredClone(layers);
    this.chosen = this.layers.length - 1;
    this._states = new States(this.layers);
    keepPlaced(this.picture.id, this.layers);
    this.changed();
    this.view.rehandle();
    this.restated();
  }

  async ready() {
    const { value, version } = this;
    if (value === null || value.picture) return value?.picture ?? null;
    const asked = { background: this.picture.id, layers: structuredClone(this.layers) };
    const made = await post("composites", asked);
    keepMade(made.id, asked.background, asked.layers);
    this._made = { version, id: made.id };
    return made.id;
  }

  /** Places one more thing, in front of the others, with its middle at `at`. */
  async add(picture, at = null) {
    await this._resuming;
    await this._learn(picture);
    const fits = Math.min(this.picture.width / picture.width, this.picture.height / picture.height);
    this.layers.push({
      picture: picture.id,
      x: Math.round(at?.x ?? this.picture.width / 2),
      y: Math.round(at?.y ?? this.picture.height / 2),
      scale: fits > 1 ? 1 : Math.round(600 * fits) / 1000,
      rotation: 0,
      flip: false,
      opacity: 1,
      outline: null,
    });
    this.chosen = this.layers.length - 1;
    this.tool = "move";
    this._done();
  }

  get layer() {
    return this.layers[this.chosen] ?? null;
  }

  /** Ends a change that undo takes back as one. */
  _done() {
    if (this._states.push(this.layers)) {
      keepPlaced(this.picture.id, this.layers);
      this.changed();
    }
    this.view.rehandle();
    this.restated();
  }

  /** Changes the chosen thing; where it is only if `values` say so. */
  alter(values) {
    if (!this.layer) return;
    if ("x" in values || "y" in values || "outline" in values) Object.assign(this.layer, values);
    else this._about(this.layer, values);
    this._tidy(this.layer);
    this._done();
  }

  /** Numbers that a person could have written. */
  _tidy(layer) {
    layer.x = Math.round(layer.x * 10) / 10;
    layer.y = Math.round(layer.y * 10) / 10;
    layer.scale = Math.round(layer.scale * 10000) / 10000;
    layer.rotation = Math.round(layer.rotation * 10) / 10;
  }

  remove() {
    if (!this.layer) return;
    this.layers.splice(this.chosen, 1);
    this.chosen = this.layers.length - 1;
    this._done();
  }

  /** Moves the chosen thing by so many places to the front. */
  order(by) {
    const to = this.chosen + by;
    if (!this.layer || to < 0 || to >= this.layers.length) return;
    this.layers.splice(to, 0, ...this.layers.splice(this.chosen, 1));
    this.chosen = to;
    this._done();
  }

  get _state() {
    return this.layers;
  }

  set _state(layers) {
    this.layers = layers;
    this.chosen = Math.min(this.chosen < 0 ? 0 : this.chosen, layers.length - 1);
    keepPlaced(this.picture.id, layers);
  }

  // --- geometry

  _size(layer) {
    return this.things.get(layer.picture).picture;
  }

  /** A point of the thing (from its middle, in its own pixels) in the background's pixels. */
  _out(layer, u, v) {
    const angle = (layer.rotation * Math.PI) / 180;
    const [a, b] = [(layer.flip ? -u : u) * layer.scale, v * layer.scale];
    return {
      x: layer.x + a * Math.cos(angle) - b * Math.sin(angle),
      y: layer.y + a * Math.sin(angle) + b * Math.cos(angle),
    };
  }

  /** A point of the background in the thing's own pixels, from its left upper corner. */
  _in(layer, at) {
    const angle = (-layer.rotation * Math.PI) / 180;
    const [dx, dy] = [at.x - layer.x, at.y - layer.y];
    const a = (dx * Math.cos(angle) - dy * Math.sin(angle)) / layer.scale;
    const b = (dx * Math.sin(angle) + dy * Math.cos(angle)) / layer.scale;
    const { width, height } = this._size(layer);
    return { u: (layer.flip ? -a : a) + width / 2, v: b + height / 2 };
  }

  /** What is to be seen of the thing lies within, from its middle, in its own pixels. */
  _frame({ picture, outline }) {
    const { width, height } = this.things.get(picture).picture;
    const side = (i, length) => {
      const all = (outline ?? []).map((point) => Math.max(0, Math.min(length, point[i])));
      const [low, high] = all.length ? [Math.min(...all), Math.max(...all)] : [0, length];
      return [low - length / 2, high - length / 2];
    };
    const [u0, u1] = side(0, width);
    const [v0, v1] = side(1, height);
    return { u0, v0, u1, v1 };
  }

  /** The middle of what is to be seen, on the background. */
  _middle(layer) {
    const { u0, v0, u1, v1 } = this._frame(layer);
    return this._out(layer, (u0 + u1) / 2, (v0 + v1) / 2);
  }

  /** Scales, turns or flips the thing about the middle of what is to be seen of it. */
  _about(layer, values) {
    const before = this._middle(layer);
    Object.assign(layer, values);
    const after = this._middle(layer);
    layer.x += before.x - after.x;
    layer.y += before.y - after.y;
  }

  _corners(layer) {
    const { u0, v0, u1, v1 } = this._frame(layer);
    return [
      [u0, v0],
      [u1, v0],
      [u1, v1],
      [u0, v1],
    ].map(([a, b]) => {
      const at = this._out(layer, a, b);
      return this.view.toScreen(at.x, at.y);
    });
  }

  /** Where the knob that turns is, on the screen. */
  _turner(layer) {
    const { u0, u1, v0 } = this._frame(layer);
    const top = this._out(layer, (u0 + u1) / 2, v0);
    const at = this.view.toScreen(top.x, top.y);
    const angle = (layer.rotation * Math.PI) / 180;
    return { x: at.x + Math.sin(angle) * STALK, y: at.y - Math.cos(angle) * STALK, from: at };
  }

  _hit(at) {
    for (let i = this.layers.length - 1; i >= 0; i--) {
      const layer = this.layers[i];
      const { width, height } = this._size(layer);
      const { u0, v0, u1, v1 } = this._frame(layer);
      const found = this._in(layer, at);
      const [u, v] = [found.u - width / 2, found.v - height / 2];
      if (u >= u0 && v >= v0 && u < u1 && v < v1) return i;
    }
    return -1;
  }

  /** What the pointer would take hold of: "turn", "scale", "move" or null. */
  _hold(at) {
    const here = this.view.toScreen(at.x, at.y);
    const near = (knob) => Math.hypot(knob.x - here.x, knob.y - here.y) < this.view.reach(NEAR);
    if (this.layer) {
      if (near(this._turner(this.layer))) return "turn";
      if (this._corners(this.layer).some(near)) return "scale";
    }
    return this._hit(at) >= 0 ? "move" : null;
  }

  // --- the pointer and keys

  down(at) {
    if (this.tool === "lasso" && this.layer) {
      this._path = [at];
      return;
    }
    const hold = this._hold(at);
    if (hold === "move") this.chosen = this._hit(at);
    if (!hold) this.chosen = -1;
    const { layer } = this;
    this._drag = hold && { hold, at, was: { ...layer }, middle: this._middle(layer) };
    this.restated();
    this.view.rehandle();
  }

  move(at, event) {
    if (this._path) this._path.push(at);
    else if (this._drag) this._dragged(at, event);
    this.view.rehandle();
  }

  _dragged(at, event) {
    const { hold, at: start, was, middle } = this._drag;
    const { layer } = this;
    if (hold === "move") {
      layer.x = was.x + at.x - start.x;
      layer.y = was.y + at.y - start.y;
    } else if (hold === "scale") {
      const far = (point) => Math.hypot(point.x - middle.x, point.y - middle.y);
      const scale = Math.max(0.005, (was.scale * far(at)) / Math.max(1e-6, far(start)));
      this._about(layer, { scale });
    } else {
      const angle = (point) => Math.atan2(point.y - middle.y, point.x - middle.x);
      const turned = was.rotation + ((angle(at) - angle(start)) * 180) / Math.PI;
      const step = event?.shiftKey ? 15 : 0.1;
      this._about(layer, { rotation: wrapped(Math.round(turned / step) * step) });
    }
  }

  up(at, event) {
    this.move(at, event);
    if (this._path) this._cut();
    if (this._drag) this._tidy(this.layer);
    this._drag = null;
    this._done();
  }

  cancel() {
    if (this._drag && this.layer) Object.assign(this.layer, this._drag.was);
    this._drag = this._path = null;
    this.view.rehandle();
  }

  /** The lasso that was drawn is the thing's outline, in its own pixels. */
  _cut() {
    const points = this._path.map((at) => this._in(this.layer, at));
    this._path = null;
    if (points.length < 3) return;
    this.layer.outline = points.map(({ u, v }) => [
      Math.round(u * 10) / 10,
      Math.round(v * 10) / 10,
    ]);
    this.tool = "move";
  }

  key(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (!arrow || !this.layer || this.tool !== "move" || event.altKey) return false;
    const by = event.shiftKey ? 10 : 1;
    this.alter({ x: this.layer.x + by * arrow[0], y: this.layer.y + by * arrow[1] });
    return true;
  }

  shortcut(event) {
    const { layer } = this;
    if (event.key === "n") this.chosen = (this.chosen + 1) % Math.max(1, this.layers.length);
    else if (!layer) return super.shortcut(event);
    else if (event.key === "f") this.alter({ flip: !layer.flip });
    else if (event.key === ".") this.alter({ scale: layer.scale * 1.02 });
    else if (event.key === ",") this.alter({ scale: layer.scale / 1.02 });
    else if (event.key === "r") this.alter({ rotation: wrapped(layer.rotation + 1) });
    else if (event.key === "R") this.alter({ rotation: wrapped(layer.rotation - 1) });
    else if (event.key === "PageUp") this.order(1);
    else if (event.key === "PageDown") this.order(-1);
    else if (event.key === "Delete" || event.key === "Backspace") this.remove();
    else return super.shortcut(event);
    this.restated();
    this.view.rehandle();
    return true;
  }

  cursor(at) {
    if (this.tool === "lasso") return "crosshair";
    return { turn: "grab", scale: "nwse-resize", move: "move" }[this._hold(at)] ?? "default";
  }

  // --- what shows

  /** The things themselves; they show also while another value is drawn. */
  backdrop(context, view) {
    for (const layer of this.layers) {
      const { canvas, picture } = this.things.get(layer.picture);
      const at = view.toScreen(layer.x, layer.y);
      const scale = layer.scale * view.scale;
      context.save();
      context.globalAlpha = layer.opacity;
      context.translate(at.x, at.y);
      context.rotate((layer.rotation * Math.PI) / 180);
      context.scale(layer.flip ? -scale : scale, scale);
      context.translate(-picture.width / 2, -picture.height / 2);
      if (layer.outline) {
        context.beginPath();
        layer.outline.forEach(([u, v]) => context.lineTo(u, v));
        context.clip();
      }
      context.imageSmoothingQuality = "high";
      context.drawImage(canvas, 0, 0, picture.width, picture.height);
      context.restore();
    }
  }

  draw(context, view) {
    const { layer } = this;
    if (!layer) return;
    const corners = this._corners(layer);
    const path = (points) => (on) => points.forEach(({ x, y }) => on.lineTo(x, y));
    outlined(context, path([...corners, corners[0]]), { width: 1 });
    if (this._path) {
      const points = this._path.map(({ x, y }) => view.toScreen(x, y));
      outlined(context, path(points), { dash: [6, 4] });
    }
    if (this.tool !== "move") return;
    const turner = this._turner(layer);
    outlined(context, path([turner.from, turner]), { width: 1 });
    for (const { x, y } of corners) knob(context, x, y, { colour: this.colour });
    knob(context, turner.x, turner.y, { colour: this.colour, round: true });
  }

  controls(bar) {
    const other = iconButton("plus", "Add…", () => this._choose(), { words: true });
    bar.append(other);
    if (!this.layers.length) {
      bar.append(make("span", { class: "hint" }, "Drop, paste or choose what is to be placed"));
      return;
    }
    if (this.layers.length > 1) bar.append(this._list());
    // Also with nothing chosen, so that the bar, and the picture beneath it, keep their places.
    const of = make("fieldset", { class: "of-layer", disabled: !this.layer });
    this._layerControls(of, this.layer ?? this.layers.at(-1));
    bar.append(of);
  }

  _list() {
    const list = make("select", {
      "aria-label": "What is placed",
      onchange: () => {
        this.chosen = Number(list.value);
        this.restated();
        this.view.rehandle();
      },
    });
    this.layers.forEach((layer, i) => {
      const words = `${i + 1} ${this._size(layer).name}`;
      list.append(make("option", { value: i, selected: i === this.chosen }, words));
    });
    return list;
  }

  _layerControls(bar, layer) {
    const flip = () => this.alter({ flip: !layer.flip });
    bar.append(iconButton("flip", "Flip left and right", flip, { key: "F" }));
    if (this.layers.length > 1) {
      bar.append(
        iconButton("up", "To the front", () => this.order(1), { key: "PageUp" }),
        iconButton("down", "To the back", () => this.order(-1), { key: "PageDown" }),
      );
    }
    const uncut = iconButton("box", "Whole picture again", () => this.alter({ outline: null }));
    uncut.disabled = !layer.outline;
    bar.append(uncut);
    bar.append(iconButton("trash", "Remove", () => this.remove(), { key: "Delete" }));
    const numbers = make("span", { class: "numbers" }, this._fields(layer));
    bar.append(this._opacity(layer), numbers);
  }

  _opacity(layer) {
    const shown = (value) => `${Math.round(100 * value)} %`;
    const show = (opacity) => {
      layer.opacity = opacity;
      this.view.rehandle();
    };
    const limits = { min: 0.05, max: 1, step: 0.05, value: layer.opacity, shown };
    return slider("Opacity", limits, show, () => this._done());
  }

  _fields(layer) {
    // Whole numbers to be read; what is typed may be finer.
    const field = (label, { value, ...limits }, set) =>
      number(label, { step: "any", ...limits, value: Math.round(value) }, set);
    const anywhere = { min: -100000, max: 100000 };
    const percent = { min: 0.5, max: 5000, value: 100 * layer.scale, unit: "%" };
    const degrees = { min: -180, max: 180, value: layer.rotation, unit: "°" };
    return [
      field("Scale", percent, (value) => this.alter({ scale: value / 100 })),
      field("Turn", degrees, (rotation) => this.alter({ rotation })),
      field("X", { ...anywhere, value: layer.x }, (x) => this.alter({ x })),
      field("Y", { ...anywhere, value: layer.y }, (y) => this.alter({ y })),
    ];
  }

  async _choose() {
    try {
      const picture = await this.chooser();
      if (picture) await this.add(picture);
    } catch (error) {
      notice(error.message);
    }
  }
}

/** An angle within -180 < angle ≤ 180. */
function wrapped(angle) {
  const turned = ((angle % 360) + 360) % 360;
  return turned > 180 ? turned - 360 : turned;
}
