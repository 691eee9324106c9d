/** Masks: what is not black is inside. Brush, eraser, box, lasso, fill, rough selection. */

import { post, upload } from "./api.js";
import { outlined } from "./editor.js";
import { make, notice, say } from "./elements.js";
import { iconButton } from "./icons.js";
import { choice, chooseFiles, number, saveFile, slider } from "./inputs.js";
import { Painting, soft } from "./paint.js";
import { about, maskPixels } from "./pictures.js";
import { png } from "./png.js";
import { TILE } from "./raster.js";
import { flood, grown, rectangle } from "./shapes.js";

const TOOLS = [
  { id: "brush", label: "Brush", key: "B", icon: "brush" },
  { id: "eraser", label: "Eraser", key: "E", icon: "eraser" },
  { id: "box", label: "Box", key: "M", icon: "box" },
  { id: "lasso", label: "Lasso", key: "L", icon: "lasso" },
  { id: "fill", label: "Fill what is enclosed", key: "G", icon: "fill" },
  { id: "select", label: "Select by a rough stroke", key: "S", icon: "select" },
];

export class Mask extends Painting {
  kind = "region";
  tools = TOOLS;
  keys = [
    ["[ ]", "A smaller or larger brush"],
    ["Shift", "With the brush: a straight line from the last stroke"],
    ["Alt", "With box, lasso, fill: the other way round; with a selection: not the thing"],
    ["I", "Invert"],
    ["Delete", "Clear"],
  ];

  constructor(view, picture, options) {
    super(view, picture, options, Uint8Array);
    this.propose = options.propose ?? null;
    this.softness = 0;
    this.by = 4; // pixels that grow and shrink go by
    this.proposed = false;
    this.busy = false;
    this._given = null; // the value it was set to, at which version
    this._uploaded = null;
    this._taking = false; // whether a selection is being put in
    this._forget();
    this.painter = new MaskPainter(this);
  }

  // --- the value

  get value() {
    if (this.proposed) return null;
    if (this._given?.version === this.version) return this._given.value;
    const bounds = this.raster.bounds();
    if (!bounds) return null;
    if (this._isBox(bounds)) {
      const { x0, y0, x1, y1 } = bounds;
      return `${x0},${y0},${x1 - x0},${y1 - y0}`;
    }
    return { mask: this._uploaded?.version === this.version ? this._uploaded.id : null };
  }

  _isBox({ x0, y0, x1, y1 }) {
    const row = new Uint8Array(x1 - x0);
    for (let y = y0; y < y1; y++) {
      this.raster.copyRow(y, x0, x1, row);
      if (!row.every((value) => value === 255)) return false;
    }
    return true;
  }

  async ready() {
    const { value, version } = this;
    if (value === null || typeof value === "string") return value;
    if (value.mask) return value.mask;
    const picture = await upload(await png(this.raster), this._name());
    this._uploaded = { version, id: picture.id };
    return picture.id;
  }

  _name() {
    return `${this.picture.name.replace(/\.[^.]*$/, "")}-mask.png`;
  }

  /** Replaces what is drawn: null, "x,y,w,h", or a mask by `{mask: ID}` or its id. */
  async set(value) {
    if (value === null) this._replace(() => null);
    else if (typeof value === "string" && value.includes(",")) this._setBox(value);
    else {
      value = { mask: value.mask ?? value };
      this._setMask(await maskPixels(value.mask));
    }
    this._given = { version: this.version, value };
  }

  _setBox(text) {
    const box = parsedBox(text, this.raster);
    this.raster.replace(() => null);
    rectangle(box, (y, x0, x1) => this.raster.fill(y, x0, x1, 255));
    this.finish();
  }

  _setMask({ width, height, pixels }, proposed = false) {
    if (width !== this.raster.width || height !== this.raster.height) {
      throw new Error(
        `the mask is ${width}×${height} and ${this.picture.name} ${this.raster.width}×` +
          `${this.raster.height} pixels: a mask must have the size of its picture`,
      );
    }
    const made = (k) => {
      const { x0, y0, x1, y1 } = this.raster.boxOf(k);
      const tile = new Uint8Array(TILE * TILE);
      for (let y = y0; y < y1; y++) {
        tile.set(pixels.subarray(y * width + x0, y * width + x1), (y - y0) * TILE);
      }
      return tile;
    };
    this._replace(made, proposed);
  }

  _replace(make, proposed = false) {
    this.raster.replace(make);
    this.finish(proposed);
  }

  /** Ends a change. What the task chose itself (`proposed`) stands for no value at all. */
  finish(proposed = false) {
    if (!this._taking) this._forget();
    const was = this.proposed;
    this.proposed = proposed;
    const any = super.finish();
    if (!any) this.proposed = was || proposed;
    return any;
  }

  /** Shows what the task would choose by itself, if it would. */
  async suggest() {
    const { version } = this;
    this._wait("Looking for what the task would choose…");
    try {
      const found = await this.propose();
      if (this.version !== version) return; // something was drawn meanwhile: it stays
      if (found) {
        this._setMask(await maskPixels(found.id), true);
        say("This is what the task would choose by itself.");
      } else say("The task has nothing to suggest.");
    } catch (error) {
      notice(error.message);
    } finally {
      this._wait(null);
    }
  }

  _wait(words) {
    this.busy = words;
    this.restated();
  }

  // --- fill and selection

  down(at, event) {
    if (this.tool === "fill") this._fill(at, event);
    else if (this.tool === "select") {
      this._outside = this._leaves !== !!event?.altKey;
      this._path = [at];
    } else super.down(at, event);
  }

  up(at, event) {
    if (this.tool !== "select") return super.up(at, event);
    if (!this._path) return undefined;
    this.move(at);
    this._strokesOf[this._outside ? "outside" : "inside"].push(
      this._path.map(({ x, y }) => [Math.round(x * 10) / 10, Math.round(y * 10) / 10]),
    );
    this._path = null;
    this.view.rehandle();
    return this._select();
  }

  choose(tool) {
    if (tool !== "select") this._forget();
    super.choose(tool);
  }

  /** The strokes of a selection are done with. */
  _forget() {
    this._strokesOf = { inside: [], outside: [] };
    this._selected = false;
    this._leaves = false;
  }

  /** Fills the area around `at` that is all the same: inside or outside. */
  _fill(at, event) {
    const { width, height } = this.raster;
    const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    this._erasing = this.taking !== !!event?.altKey;
    const open = this.raster.copy({ x0: 0, y0: 0, x1: width, y1: height });
    const inside = open[y * width + x] > 127;
    for (let i = 0; i < open.length; i++) open[i] = open[i] > 127 === inside ? 1 : 0;
    flood(x, y, open, width, height, this._row());
    this.finish();
  }

  /** Asks for the thing that the strokes mark; further strokes make it better. */
  async _select() {
    const strokes = this._strokesOf;
    const { inside, outside } = strokes;
    if (!inside.length || this.busy) return;
    const asked = inside.length + outside.length;
    this._wait("Selecting…");
    try {
      const request = { picture: this.picture.id, inside, outside, width: this.size };
      const found = await maskPixels((await post("selections", request)).id);
      if (this._strokesOf === strokes) this._take(found);
    } catch (error) {
      notice(error.message);
    } finally {
      this._wait(null);
    }
    if (this._strokesOf === strokes && inside.length + outside.length > asked) await this._select();
  }

  /** What was found joins what was there before the first stroke of the selection. */
  _take(found) {
    if (this._selected) this.raster.undo();
    const whole = { x0: 0, y0: 0, x1: this.raster.width, y1: this.raster.height };
    const pixels = this.raster.copy(whole);
    for (let i = 0; i < pixels.length; i++) pixels[i] = Math.max(pixels[i], found.pixels[i]);
    const before = this.version;
    this._taking = true;
    try {
      this._setMask({ ...found, pixels });
    } finally {
      this._taking = false;
    }
    this._selected = this.version !== before;
  }

  undo() {
    this._forget();
    super.undo();
  }

  redo() {
    this._forget();
    super.redo();
  }

  // --- the whole

  invert() {
    this._replace((k, tile) => {
      const made = new Uint8Array(TILE * TILE);
      const { x0, y0, x1, y1 } = this.raster.boxOf(k);
      for (let y = 0; y < y1 - y0; y++) {
        const start = y * TILE;
        for (let x = start; x < start + x1 - x0; x++) made[x] = 255 - (tile ? tile[x] : 0);
      }
      return made;
    });
  }

  /** Grows what is inside by so many pixels, or shrinks it (less than 0). */
  grow(by) {
    const bounds = this.raster.bounds();
    if (!bounds || !by) return;
    const far = Math.max(by, 1);
    const box = {
      x0: Math.max(0, bounds.x0 - far),
      y0: Math.max(0, bounds.y0 - far),
      x1: Math.min(this.raster.width, bounds.x1 + far),
      y1: Math.min(this.raster.height, bounds.y1 + far),
    };
    const pixels = this.raster.copy(box);
    if (by < 0) for (let i = 0; i < pixels.length; i++) pixels[i] = pixels[i] ? 0 : 1;
    const made = grown(pixels, box.x1 - box.x0, box.y1 - box.y0, Math.abs(by));
    for (let i = 0; i < made.length; i++) made[i] = made[i] === (by < 0 ? 0 : 1) ? 255 : 0;
    this.raster.write(box, made);
    this.finish();
  }

  clear() {
    this._forget();
    this._replace(() => null);
  }

  async load() {
    const [file] = await chooseFiles();
    if (!file) return;
    try {
      // What the page can't read itself (TIFF) the server can.
      const pixels = await maskPixels(file).catch(async () => {
        const sent = await upload(file);
        return maskPixels((await about(sent.id)).id);
      });
      this._setMask(pixels);
    } catch (error) {
      notice(error.message);
    }
  }

  async save() {
    saveFile(await png(this.raster), this._name());
  }

  // --- soft strokes

  _rowOfBrush(a, b, radius) {
    if (!this.softness) return this._row();
    const take = this._erasing;
    return (y, x0, x1) =>
      this.raster.change(y, x0, x1, (x, was) => {
        const value = Math.round(255 * soft(x, y, a, b, radius, this.softness));
        return take ? Math.min(was, 255 - value) : Math.max(was, value);
      });
  }

  // --- bars

  controls(bar) {
    const strokes = this._strokes || this.tool === "select";
    if (strokes) {
      const pixels = (value) => `${Math.round(value)} px`;
      const limits = { min: 1, max: Math.max(200, this.raster.width / 3), log: true };
      bar.append(
        slider("Size", { ...limits, value: this.size, shown: pixels }, (value) => {
          this.size = Math.max(1, Math.round(value));
          this.view.rehandle();
        }),
      );
    }
    if (this._strokes) {
      const percent = (value) => `${Math.round(100 * value)} %`;
      const limits = { min: 0, max: 1, step: 0.05, value: this.softness, shown: percent };
      bar.append(slider("Softness", limits, (value) => (this.softness = value)));
    } else if (this.tool === "select") {
      const values = [
        [false, "The thing"],
        [true, "Not it"],
      ];
      bar.append(choice("The stroke marks", values, this._leaves, (value) => (this._leaves = value)));
    } else {
      const values = [
        [false, "Add"],
        [true, "Take away"],
      ];
      bar.append(choice("What it does", values, this.taking, (value) => (this.taking = value)));
    }
    this._actions(bar);
  }

  _actions(bar) {
    const by = { min: 1, max: 500, value: this.by, unit: "px" };
    bar.append(
      make(
        "div",
        { class: "together" },
        iconButton("minus", "Shrink", () => this.grow(-this.by)),
        number("Edge", by, (value) => (this.by = Math.round(value))),
        iconButton("plus", "Grow", () => this.grow(this.by)),
      ),
      iconButton("invert", "Invert", () => this.invert(), { key: "I" }),
      iconButton("trash", "Clear", () => this.clear(), { key: "Delete" }),
    );
    if (this.propose) bar.append(iconButton("spark", "Suggest", () => this.suggest(), { words: true }));
    bar.append(
      iconButton("load", "Load a mask from a file", () => this.load()),
      iconButton("save", "Save the mask as a file", () => this.save()),
    );
    if (this.busy) bar.append(make("span", { class: "busy", role: "status" }, this.busy));
    else if (this.proposed) bar.append(make("span", { class: "hint" }, "Suggested by the task"));
  }

  shortcut(event) {
    if (event.key === "i" || event.key === "I") this.invert();
    else if (event.key === "Delete" || event.key === "Backspace") this.clear();
    else return super.shortcut(event);
    return true;
  }

  cursor() {
    return this.tool === "select" ? "crosshair" : super.cursor();
  }

  draw(context, view) {
    const screen = (points) => points.map(([x, y]) => view.toScreen(x, y));
    const wide = Math.max(3, Math.min(8, this.size * view.scale));
    const line = (points, colour) =>
      outlined(context, (on) => points.forEach(({ x, y }) => on.lineTo(x, y)), {
        colour,
        width: wide,
      });
    for (const points of this._strokesOf.inside) line(screen(points), "#3ddc84");
    for (const points of this._strokesOf.outside) line(screen(points), "#ff5a4f");
    if (this.tool === "select" && this._path) {
      const points = this._path.map(({ x, y }) => view.toScreen(x, y));
      line(points, this._outside ? "#ff5a4f" : "#3ddc84");
    } else super.draw(context, view);
  }
}

/** Paints a mask as a tint, with a line where inside meets outside. */
class MaskPainter {
  constructor(mask) {
    this.mask = mask;
    this.raster = mask.raster;
    const at = (i) => parseInt(mask.colour.slice(i, i + 2), 16);
    this.tint = at(1) | (at(3) << 8) | (at(5) << 16);
  }

  paint(sampler, pixels) {
    const { width, height, xs } = sampler;
    const values = new Uint8Array(width * height);
    const ends = new Int32Array(height); // where the last pixel of each row is that has any
    sampler.spans(this.raster, (tile, start, j, first, end) => {
      const at = j * width;
      for (let i = first; i < end; i++) values[at + i] = tile[start | (xs[i] & 255)];
      ends[j] = Math.max(ends[j], Math.min(width, end + 1));
    });
    const strength = this.mask.active ? 0.5 : 0.28;
    for (let j = 0; j < height; j++) {
      const last = Math.max(ends[j], j ? ends[j - 1] : 0);
      for (let i = 0, at = j * width; i < last; i++, at++) {
        const value = values[at];
        const inside = value > 0;
        const left = i ? values[at - 1] > 0 : inside;
        const above = j ? values[at - width] > 0 : inside;
        if (inside !== left || inside !== above) pixels[at] = this.tint | 0xff000000;
        else if (inside) pixels[at] = this.tint | (((40 + 215 * (value / 255)) * strength) << 24);
      }
    }
  }
}

/**
 * A box as people write it, "x,y,w,h" in pixels or percent, as whole pixels of the picture.
 * @returns {import("./raster.js").Box}
 */
export function parsedBox(text, { width, height }) {
  const parts = text.split(",").map((part, i) => {
    const value = Number(part.replace("%", ""));
    return part.includes("%") ? (value / 100) * (i % 2 ? height : width) : value;
  });
  if (parts.length !== 4 || !parts.every(Number.isFinite)) {
    throw new Error(`${text} is no box X,Y,W,H in pixels or percent`);
  }
  const [x, y, w, h] = parts;
  return {
    x0: Math.max(0, Math.round(x)),
    y0: Math.max(0, Math.round(y)),
    x1: Math.min(width, Math.round(x + w)),
    y1: Math.min(height, Math.round(y + h)),
  };
}
