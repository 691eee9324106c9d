/** Two pictures over each other: a divider to drag, hold to see the other, or side by side. */

import { outlined, tag } from "./editor.js";
import { iconButton } from "./icons.js";
import { choice } from "./inputs.js";

const MODES = [
  ["slider", "Slider"],
  ["hold", "Hold"],
  ["beside", "Side by side"],
];
const SAME_SHAPE = 0.01; // by how much the shapes of two sizes of one picture may differ

/** What draws in the picture's place, and the tool that gets the pointer (`Tool` in view.js). */
export class Comparison extends EventTarget {
  /** `a` is shown by itself; `b` is compared with it, scaled to it where it is the same shape. */
  constructor(view, a, b, labels) {
    super();
    this.view = view;
    this.a = a;
    this.b = b;
    this.labels = labels;
    this.mode = "slider";
    this.divider = 0.5; // of the view's width
    this.held = false;
    const shape = (b.width / b.height / (a.width / a.height) - 1) ** 2 < SAME_SHAPE ** 2;
    this.zoom = shape ? a.width / b.width : 1;
  }

  /** What both cover, in pixels of `a`. */
  get extent() {
    const { a, b, zoom } = this;
    return {
      x0: 0,
      y0: 0,
      x1: Math.max(a.width, b.width * zoom),
      y1: Math.max(a.height, b.height * zoom),
    };
  }

  scene(context, view) {
    const { width, height } = context.canvas;
    if (this.mode === "hold") {
      this._picture(context, view, this.held ? this.b : this.a, 0);
      return;
    }
    const at = Math.round(this._divider() * width);
    for (const [picture, from, to] of [
      [this.a, 0, at],
      [this.b, at, width],
    ]) {
      context.save();
      context.beginPath();
      context.rect(from, 0, to - from, height);
      context.clip();
      this._picture(context, view, picture, this.mode === "beside" && picture === this.b ? at : 0);
      context.restore();
    }
  }

  /** Side by side each has half of the view, and both show the same place. */
  _picture(context, view, picture, shift) {
    const beside = this.mode === "beside" ? view.width / 4 / view.scale : 0;
    const x = shift / view.ratio / view.scale - beside;
    view.drawPicture(context, picture, { x, zoom: picture === this.b ? this.zoom : 1 });
  }

  _divider() {
    return this.mode === "beside" ? 0.5 : this.divider;
  }

  draw(context, view) {
    const x = this._divider() * view.width;
    if (this.mode === "hold") {
      this._label(context, 12, this.held ? this.labels[1] : this.labels[0]);
      return;
    }
    outlined(context, (on) => {
      on.moveTo(x, 0);
      on.lineTo(x, view.height);
    });
    if (this.mode === "slider") this._grip(context, x, view.height / 2);
    this._label(context, x - 12, this.labels[0], true);
    this._label(context, x + 12, this.labels[1]);
  }

  _label(context, x, words, leftwards = false) {
    context.save();
    context.font = "600 12px system-ui, sans-serif";
    const width = context.measureText(words).width + 12;
    context.restore();
    tag(context, leftwards ? x - width : x, 12, words, "rgb(0 0 0 / 0.65)");
  }

  _grip(context, x, y) {
    context.save();
    context.fillStyle = "#fff";
    context.shadowColor = "rgb(0 0 0 / 0.5)";
    context.shadowBlur = 6;
    context.beginPath();
    context.arc(x, y, 15, 0, 2 * Math.PI);
    context.fill();
    context.shadowBlur = 0;
    context.strokeStyle = "#333";
    context.lineWidth = 2;
    context.beginPath();
    for (const way of [-1, 1]) {
      context.moveTo(x + 4 * way, y - 5);
      context.lineTo(x + 9 * way, y);
      context.lineTo(x + 4 * way, y + 5);
    }
    context.stroke();
    context.restore();
  }

  // --- the pointer and keys

  down(at) {
    if (this.mode === "hold") this._hold(true);
    else this.move(at);
  }

  move(at) {
    if (this.mode === "slider") this._divide(this.view.toScreen(at.x, at.y).x / this.view.width);
  }

  up() {
    if (this.mode === "hold") this._hold(false);
  }

  cancel() {
    this._hold(false);
  }

  get pans() {
    return this.mode === "beside";
  }

  _hold(held) {
    this.held = held;
    this.view.redraw();
  }

  _divide(at) {
    this.divider = Math.max(0, Math.min(1, at));
    this.view.redraw();
  }

  key(event) {
    if (event.key === "Escape") this.dispatchEvent(new Event("end"));
    else if (this.mode === "slider" && event.key === "ArrowLeft") this._divide(this.divider - 0.02);
    else if (this.mode === "slider" && event.key === "ArrowRight") this._divide(this.divider + 0.02);
    else return false;
    return true;
  }

  cursor() {
    return { slider: "ew-resize", hold: "pointer", beside: "grab" }[this.mode];
  }

  setMode(mode) {
    const { view } = this;
    this.held = false;
    if (this.mode === "beside") view.fit();
    this.mode = mode;
    const wide = (this.extent.x1 - this.extent.x0) * view.scale;
    if (mode === "beside" && wide > view.width / 2) view.zoom((view.width / 2 - 24) / wide);
    view.redraw();
  }

  controls(bar) {
    bar.append(
      choice("Compare by", MODES, this.mode, (mode) => this.setMode(mode)),
      iconButton("close", "End", () => this.dispatchEvent(new Event("end")), {
        words: true,
        key: "Esc",
      }),
    );
  }
}
