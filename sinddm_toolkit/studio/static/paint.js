/** Painting on a raster: brush, eraser, box and lasso, for masks and for sketches. */

import { Editor, outlined } from "./editor.js";
import { Raster } from "./raster.js";
import { boxOf, distance, polygon, rectangle, stroke } from "./shapes.js";

const SMALLEST = 1;
const LARGEST = 4000;
const STEP = 1.2; // that [ and ] change the brush by

export class Painting extends Editor {
  constructor(view, picture, options, Pixels) {
    super(view, picture, options);
    this.raster = new Raster(picture.width, picture.height, Pixels);
    /** The brush's width in pixels of the picture. */
    this.size = Math.max(4, Math.round(Math.min(picture.width, picture.height) / 16));
    this.tool = "brush";
    this.taking = false; // whether box, lasso and fill take away
    this._path = null; // of the stroke, box or lasso under way
  }

  /** The value of a pixel that is painted; subclasses say. */
  get ink() {
    return 255;
  }

  /** Whether this stroke takes away. */
  _erases(event) {
    return this.tool === "eraser" || (this.tool !== "brush" && this.taking !== !!event?.altKey);
  }

  get _strokes() {
    return this.tool === "brush" || this.tool === "eraser";
  }

  // --- the pointer

  down(at, event) {
    this._erasing = this._erases(event);
    if (this._strokes) {
      const line = event?.shiftKey && event.type === "pointerdown" && this._last;
      this._path = [line || at];
      this.dab(line || at, at);
    } else this._path = [at];
    this.view.rehandle();
  }

  move(at) {
    if (!this._path) return;
    const last = this._path.at(-1);
    if (last.x === at.x && last.y === at.y) return;
    if (this._strokes) this.dab(last, at);
    if (this.tool === "box") this._path[1] = at;
    else this._path.push(at);
    this.view.rehandle();
  }

  up(at) {
    if (!this._path) return;
    this.move(at);
    const path = this._path;
    this._path = null;
    this._last = path.at(-1);
    if (this.tool === "box" && path.length > 1) {
      rectangle(boxOf(path[0], path[1], this.raster), this._row());
    } else if (this.tool === "lasso" && path.length > 2) polygon(path, this._row());
    this.finish();
  }

  cancel() {
    this._path = null;
    this.raster.rollback();
    this.view.repaint();
  }

  /** Ends a change that undo takes back as one. */
  finish() {
    const any = this.raster.commit();
    this.view.repaint();
    if (any) this.changed();
    this.restated();
    return any;
  }

  /** Paints a row hard. */
  _row() {
    const value = this._erasing ? 0 : this.ink;
    return (y, x0, x1) => this.raster.fill(y, x0, x1, value);
  }

  /** Paints the stroke from `a` to `b`. */
  dab(a, b) {
    const radius = this.size / 2;
    stroke(a, b, radius, this._rowOfBrush(a, b, radius));
    this.view.repaint({
      x0: Math.min(a.x, b.x) - radius,
      y0: Math.min(a.y, b.y) - radius,
      x1: Math.max(a.x, b.x) + radius,
      y1: Math.max(a.y, b.y) + radius,
    });
  }

  _rowOfBrush() {
    return this._row();
  }

  undo() {
    this._stepped(this.raster.undo());
  }

  redo() {
    this._stepped(this.raster.redo());
  }

  _stepped(any) {
    this._path = null;
    this.view.repaint();
    if (any) this.changed();
    this.restated();
  }

  get canUndo() {
    return this.raster.canUndo;
  }

  get canRedo() {
    return this.raster.canRedo;
  }

  resize(factor) {
    const size = this.size * factor;
    const whole = factor > 1 ? Math.ceil(size) : Math.floor(size);
    this.size = Math.min(LARGEST, Math.max(SMALLEST, whole));
    this.restated();
    this.view.rehandle();
  }

  shortcut(event) {
    if (event.key === "[") this.resize(1 / STEP);
    else if (event.key === "]") this.resize(STEP);
    else return super.shortcut(event);
    return true;
  }

  // --- what shows over the picture

  cursor() {
    return this._strokes && this.size * this.view.scale > 6 ? "none" : "crosshair";
  }

  draw(context, view) {
    const at = view.cursor ?? view.pointer;
    if (at && this._strokes) this._drawBrush(context, view, at);
    if (!this._path || this._strokes) return;
    const points = this._path.map(({ x, y }) => view.toScreen(x, y));
    if (this.tool === "box" && points.length > 1) {
      const box = boxOf(this._path[0], this._path[1], this.raster);
      const from = view.toScreen(box.x0, box.y0);
      const width = (box.x1 - box.x0) * view.scale;
      const height = (box.y1 - box.y0) * view.scale;
      outlined(context, (on) => on.rect(from.x, from.y, width, height), { dash: [6, 4] });
    } else {
      outlined(context, (on) => points.forEach(({ x, y }) => on.lineTo(x, y)), { dash: [6, 4] });
    }
  }

  _drawBrush(context, view, at) {
    const { x, y } = view.toScreen(at.x, at.y);
    const radius = Math.max(1, (this.size / 2) * view.scale);
    outlined(context, (on) => on.arc(x, y, radius, 0, 2 * Math.PI), { width: 1.2 });
  }
}

/** How much a soft brush paints at (x, y): 1 within, falling to 0 over `softness` of the radius. */
export function soft(x, y, a, b, radius, softness) {
  const rest = radius - distance(x + 0.5, y + 0.5, a, b);
  return Math.max(0, Math.min(1, rest / (radius * softness)));
}
