/**
 * The viewer: one picture in tiles, zoom and pan, and over it what tools draw.
 *
 * Three canvases lie on each other, so that a stroke repaints neither tiles nor handles: the
 * picture, what is painted on it (masks, sketches), and handles and the cursor. All are painted
 * at most once a frame, and only where something changed.
 */

import { say } from "./elements.js";
import { sizeOfLevel, tile, TILE_SIDE } from "./pictures.js";

const TILES_KEPT = 160; // 512 × 512 × 4 bytes each
const AT_ONCE = 6;
const MOST_ZOOM = 64; // pixels of the screen a pixel
const CRISP_FROM = 4; // pixels of the screen a pixel: squares show from here
const KEY_STEP = 10; // pixels of the screen that an arrow key moves the cursor

/** Decoded tiles of all pictures, the latest used last. */
class Tiles {
  constructor(onload) {
    this.onload = onload;
    this.kept = new Map();
    this.wanted = [];
    this.coming = new Map();
    this.failed = new Set();
  }

  get(key) {
    const bitmap = this.kept.get(key);
    if (bitmap) {
      this.kept.delete(key);
      this.kept.set(key, bitmap);
    }
    return bitmap;
  }

  /** Whether tiles are on their way. */
  get waits() {
    return this.coming.size > 0 || this.wanted.length > 0;
  }

  has(id) {
    return [...this.kept.keys()].some((key) => key.startsWith(`${id}/`));
  }

  /** Begins a frame: what it doesn't ask for need not come any more. */
  begin() {
    this.wanted = [];
  }

  want(key, id, k, column, row) {
    if (this.failed.has(key)) return;
    this.wanted.push([key, id, k, column, row]);
  }

  /** Ends a frame. Those that are on their way for nothing are given up. */
  end() {
    const keys = new Set(this.wanted.map(([key]) => key));
    for (const [key, stop] of this.coming) if (!keys.has(key)) stop.abort();
    this.more();
  }

  more() {
    while (this.coming.size < AT_ONCE) {
      const next = this.wanted.find(([key]) => !this.coming.has(key) && !this.kept.has(key));
      if (!next) return;
      this._load(...next);
    }
  }

  async _load(key, id, k, column, row) {
    const stop = new AbortController();
    this.coming.set(key, stop);
    try {
      this.kept.set(key, await tile(id, k, column, row, stop.signal));
      for (const [old, bitmap] of this.kept) {
        if (this.kept.size <= TILES_KEPT) break;
        bitmap.close();
        this.kept.delete(old);
      }
    } catch (error) {
      if (error.name !== "AbortError") this.failed.add(key);
    } finally {
      this.coming.delete(key);
      this.wanted = this.wanted.filter(([wanted]) => wanted !== key);
      this.onload();
      this.more();
    }
  }
}

/**
 * @typedef {Object} Tool  What gets the pointer, in pixels of the picture: `{x, y}`, not rounded.
 * @property {(at, event) => void} [down] @property {(at, event) => void} [move]
 * @property {(at, event) => void} [up] @property {() => void} [cancel]
 * @property {(at, event) => void} [hover]
 * @property {(event) => boolean} [key]  Whether it took a key.
 * @property {(context, view) => void} [draw]  Handles and cursor, in pixels of the screen.
 * @property {(at) => string} [cursor]  The CSS cursor there.
 * @property {boolean} [pans]  Whether a drag moves the picture instead.
 */

export class Viewer extends EventTarget {
  constructor(host) {
    super();
    this.host = host;
    this.picture = null;
    this.scale = 1; // pixels of the screen (CSS) a pixel of the picture
    this.left = 0; // the picture's coordinates at the left upper corner of the view
    this.top = 0;
    /** @type {Tool|null} */
    this.tool = null;
    /** Painters of the second canvas: `raster`, `paint(sampler, pixels)`; see `Sampler`. */
    this.painters = [];
    /** Draw handles over all: `draw(context, view)`. */
    this.drawers = [];
    /** Draws in the picture's place, `(context, view)`; null: the picture alone. */
    this.scene = null;
    this.repeated = false;
    /** What of the canvas is to be seen when all is fitted: the picture, or more. */
    this.extent = null;
    this.cursor = null; // of the keyboard, in pixels of the picture
    this.pointer = null; // where the mouse is, or null
    this._tiles = new Tiles(() => this.redraw());
    this._pressed = new Map();
    this._busy = null; // "tool", "pan", "pinch" or "key"
    this._space = false;
    this._coarse = false; // whether a finger pointed last
    this._build();
    this._listen();
    new ResizeObserver(() => this._resized()).observe(host);
  }

  _build() {
    const canvas = (name) => {
      const made = document.createElement("canvas");
      made.className = `layer ${name}`;
      this.host.append(made);
      return made;
    };
    this.canvases = [canvas("of-picture"), canvas("of-paint"), canvas("of-handles")];
    this.contexts = this.canvases.map((made) => made.getContext("2d"));
    const front = this.canvases[2];
    front.id = "canvas";
    front.tabIndex = 0;
    front.setAttribute("role", "application");
    front.setAttribute("aria-label", "The picture. Arrow keys move a cursor, Enter presses it.");
    this.front = front;
  }

  get width() {
    return this.host.clientWidth;
  }

  get height() {
    return this.host.clientHeight;
  }

  /** How near (in pixels of the screen) is near enough to take hold of something. */
  reach(pixels) {
    return this._coarse ? 2 * pixels : pixels;
  }

  /** Whether all is to be seen, as `fit` made it. */
  get fitted() {
    return !!this._fitted;
  }

  /** Whether the pointer or the keyboard holds something just now. */
  get isHeld() {
    return this._busy !== null;
  }

  /** Whether a plain drag moves the picture. */
  get _pans() {
    return !this.tool || this.tool.pans;
  }

  get ratio() {
    return window.devicePixelRatio || 1;
  }

  /** Shows `picture` (or null), as `look` says ({scale, left, top, fitted}), else fitted. */
  show(picture, look = null) {
    this._tiles.failed.clear(); // they get another chance
    this.picture = picture;
    this.cursor = null;
    if (look && !look.fitted) {
      const { scale, left, top } = look;
      Object.assign(this, { scale, left, top, _fitted: false });
    } else this.fit();
    this.redraw();
    this.dispatchEvent(new Event("look"));
  }

  get look() {
    return { scale: this.scale, left: this.left, top: this.top, fitted: this.fitted };
  }

  // --- coordinates

  toPicture(x, y) {
    return { x: this.left + x / this.scale, y: this.top + y / this.scale };
  }

  toScreen(x, y) {
    return { x: (x - this.left) * this.scale, y: (y - this.top) * this.scale };
  }

  fit() {
    if (!this.picture) return;
    const { x0, y0, x1, y1 } = this.extent ?? {
      x0: 0,
      y0: 0,
      x1: this.picture.width,
      y1: this.picture.height,
    };
    const margin = Math.min(32, this.width / 12);
    const fits = Math.min(
      (this.width - 2 * margin) / (x1 - x0),
      (this.height - 2 * margin) / (y1 - y0),
    );
    this.scale = Math.max(1e-3, Math.min(fits, 8));
    this.left = (x0 + x1) / 2 - this.width / 2 / this.scale;
    this.top = (y0 + y1) / 2 - this.height / 2 / this.scale;
    this._fitted = true;
    this._looked();
  }

  actual() {
    this.zoom(1 / this.ratio / this.scale);
  }

  /** Zooms by `factor` around (x, y) of the screen; around the middle if not given. */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    if (!this.picture) return;
    const smallest = 16 / Math.max(this.picture.width, this.picture.height);
    const scale = Math.min(MOST_ZOOM, Math.max(Math.min(smallest, 1), this.scale * factor));
    const at = this.toPicture(x, y);
    this.scale = scale;
    this.left = at.x - x / scale;
    this.top = at.y - y / scale;
    this._fitted = false;
    this._looked();
  }

  pan(dx, dy) {
    this.left -= dx / this.scale;
    this.top -= dy / this.scale;
    this._keepInSight();
    this._fitted = false;
    this._looked();
  }

  /** A corner of the picture stays to be seen. */
  _keepInSight() {
    if (!this.picture || this.repeated) return;
    const edge = 48 / this.scale;
    const { x0, y0, x1, y1 } = this.extent ?? {
      x0: 0,
      y0: 0,
      x1: this.picture.width,
      y1: this.picture.height,
    };
    const wide = this.width / this.scale;
    const high = this.height / this.scale;
    this.left = Math.min(x1 - edge, Math.max(x0 + edge - wide, this.left));
    this.top = Math.min(y1 - edge, Math.max(y0 + edge - high, this.top));
  }

  _looked() {
    this.redraw();
    this.dispatchEvent(new Event("look"));
  }

  _resized() {
    const ratio = this.ratio;
    for (const made of this.canvases) {
      made.width = Math.max(1, Math.round(this.width * ratio));
      made.height = Math.max(1, Math.round(this.height * ratio));
    }
    if (this._fitted) this.fit();
    this.redraw();
    this._paint(); // at once: a canvas that was resized is empty
  }

  // --- painting

  /** Whether all that is to be seen of the picture `id` is there, in its full sharpness. */
  painted(id) {
    return this._stale && !this._frame && !this._tiles.waits && this._tiles.has(id);
  }

  /** All is painted anew in the next frame. */
  redraw() {
    this._stale = { picture: true, paint: "all", handles: true };
    this._schedule();
  }

  /** What is painted changed, within `box` (pixels of the picture; null: anywhere). */
  repaint(box = null) {
    const stale = (this._stale ??= {});
    stale.paint = box && stale.paint !== "all" ? joined(stale.paint, box) : "all";
    stale.handles = true;
    this._schedule();
  }

  /** Handles or the cursor changed. */
  rehandle() {
    (this._stale ??= {}).handles = true;
    this._schedule();
  }

  _schedule() {
    this._frame ??= requestAnimationFrame(() => {
      this._frame = null;
      this._paint();
    });
  }

  _paint() {
    const stale = this._stale ?? {};
    this._stale = {};
    if (stale.picture) this._paintPicture();
    if (stale.paint) this._paintOver(stale.paint);
    if (stale.handles) this._paintHandles();
    this.dispatchEvent(new Event("painted"));
  }

  _paintPicture() {
    const [context] = this.contexts;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
    this._tiles.begin();
    if (this.picture) {
      if (this.scene) this.scene(context, this);
      else if (this.repeated) this._paintRepeated(context);
      else this.drawPicture(context, this.picture);
    }
    this._tiles.end();
  }

  _paintRepeated(context) {
    const { width, height } = this.picture;
    const right = this.left + this.width / this.scale;
    const bottom = this.top + this.height / this.scale;
    for (let y = Math.floor(this.top / height) * height; y < bottom; y += height) {
      for (let x = Math.floor(this.left / width) * width; x < right; x += width) {
        this.drawPicture(context, this.picture, { x, y });
      }
    }
  }

  /**
   * Draws `picture` with its corner at `at` of the view's coordinates, `zoom` of its pixels a
   * pixel there, in tiles as fine as they show. In device pixels; the context's clip is kept.
   */
  drawPicture(context, picture, { x = 0, y = 0, zoom = 1 } = {}) {
    const ratio = this.ratio;
    const scale = this.scale * ratio * zoom; // device pixels a pixel of this picture
    const origin = {
      x: (x - this.left) * this.scale * ratio,
      y: (y - this.top) * this.scale * ratio,
    };
    if (picture.has_alpha) this._chequer(context, origin.x, origin.y, picture, scale);
    this._drawTiles(context, picture, origin, { x: scale, y: scale }, context.canvas, scale);
  }

  /** Draws `picture` over handles, in pixels of the screen: its corner and how it is scaled. */
  drawStretched(context, picture, origin, scale) {
    const finest = Math.max(scale.x, scale.y) * this.ratio;
    this._drawTiles(context, picture, origin, scale, this, finest);
  }

  /** Draws the tiles that lie on a screen of `width` × `height`; `finest` chooses the level. */
  _drawTiles(context, picture, origin, scale, { width, height }, finest) {
    const k = Math.max(0, Math.min(picture.levels - 1, Math.floor(Math.log2(1 / finest) + 0.3)));
    const level = sizeOfLevel(picture, k);
    const perX = (picture.width / level.width) * scale.x;
    const perY = (picture.height / level.height) * scale.y;
    context.imageSmoothingEnabled = finest < CRISP_FROM * devicePixelRatio;
    context.imageSmoothingQuality = "medium";
    const columns = Math.ceil(level.width / TILE_SIDE);
    const rows = Math.ceil(level.height / TILE_SIDE);
    const first = (start, per) => Math.max(0, Math.floor(-start / per / TILE_SIDE));
    for (let row = first(origin.y, perY); row < rows; row++) {
      const y0 = Math.round(origin.y + row * TILE_SIDE * perY);
      if (y0 >= height) break;
      const y1 = Math.round(origin.y + Math.min(level.height, (row + 1) * TILE_SIDE) * perY);
      for (let column = first(origin.x, perX); column < columns; column++) {
        const x0 = Math.round(origin.x + column * TILE_SIDE * perX);
        if (x0 >= width) break;
        const x1 = Math.round(origin.x + Math.min(level.width, (column + 1) * TILE_SIDE) * perX);
        this._drawTile(context, picture, k, column, row, x0, y0, x1 - x0, y1 - y0);
      }
    }
  }

  /** The tile, or while it is on its way that part of a coarser one. */
  _drawTile(context, picture, k, column, row, x, y, width, height) {
    const key = (level, c, r) => `${picture.id}/${level}/${c}-${r}`;
    const found = this._tiles.get(key(k, column, row));
    if (found) {
      context.drawImage(found, x, y, width, height);
      return;
    }
    this._tiles.want(key(k, column, row), picture.id, k, column, row);
    for (let coarser = k + 1; coarser < picture.levels; coarser++) {
      const factor = 2 ** (coarser - k);
      const c = Math.floor(column / factor);
      const r = Math.floor(row / factor);
      const bitmap = this._tiles.get(key(coarser, c, r));
      if (!bitmap) {
        if (coarser === picture.levels - 1) {
          this._tiles.want(key(coarser, c, r), picture.id, coarser, c, r);
        }
        continue;
      }
      const size = sizeOfLevel(picture, k);
      const sx = (column * TILE_SIDE) / factor - c * TILE_SIDE;
      const sy = (row * TILE_SIDE) / factor - r * TILE_SIDE;
      const sw = Math.min(TILE_SIDE, size.width - column * TILE_SIDE) / factor;
      const sh = Math.min(TILE_SIDE, size.height - row * TILE_SIDE) / factor;
      context.drawImage(bitmap, sx, sy, sw, sh, x, y, width, height);
      return;
    }
  }

  _chequer(context, x, y, picture, scale) {
    const side = Math.round(8 * this.ratio);
    const square = document.createElement("canvas");
    square.width = square.height = 2 * side;
    const small = square.getContext("2d");
    small.fillStyle = "#fff";
    small.fillRect(0, 0, 2 * side, 2 * side);
    small.fillStyle = "#d4d4d8";
    small.fillRect(0, 0, side, side);
    small.fillRect(side, side, side, side);
    context.fillStyle = context.createPattern(square, "repeat");
    const width = Math.round(picture.width * scale);
    context.fillRect(Math.round(x), Math.round(y), width, Math.round(picture.height * scale));
  }

  /** @param {import("./raster.js").Box | "all"} box */
  _paintOver(box) {
    const context = this.contexts[1];
    const { width, height } = context.canvas;
    const painters = this.scene || this.repeated ? [] : this.painters;
    if (box === "all") {
      context.clearRect(0, 0, width, height);
      box = painters.reduce((all, { raster }) => joined(raster.reach(), all), null);
    }
    if (!box || !painters.length) return;
    const step = this.scale * this.ratio;
    const area = {
      x0: Math.max(0, Math.floor((box.x0 - this.left) * step) - 2),
      y0: Math.max(0, Math.floor((box.y0 - this.top) * step) - 2),
      x1: Math.min(width, Math.ceil((box.x1 - this.left) * step) + 2),
      y1: Math.min(height, Math.ceil((box.y1 - this.top) * step) + 2),
    };
    if (area.x1 <= area.x0 || area.y1 <= area.y0) return;
    const image = context.createImageData(area.x1 - area.x0, area.y1 - area.y0);
    const sampler = new Sampler(this, area);
    for (const painter of painters) painter.paint(sampler, new Uint32Array(image.data.buffer));
    context.putImageData(image, area.x0, area.y0);
  }

  _paintHandles() {
    const context = this.contexts[2];
    const ratio = this.ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    if (!this.picture) return;
    for (const draw of this.drawers) draw(context, this);
    if (!this.scene) this.tool?.draw?.(context, this);
    if (this.cursor) this._drawCursor(context);
    this._tiles.more();
  }

  _drawCursor(context) {
    const { x, y } = this.toScreen(this.cursor.x, this.cursor.y);
    for (const [colour, width] of [
      ["#000", 3],
      ["#fff", 1.2],
    ]) {
      context.strokeStyle = colour;
      context.lineWidth = width;
      context.beginPath();
      context.moveTo(x - 9, y);
      context.lineTo(x + 9, y);
      context.moveTo(x, y - 9);
      context.lineTo(x, y + 9);
      context.stroke();
    }
  }

  // --- pointer and keyboard

  _listen() {
    const on = (name, act, options) => this.front.addEventListener(name, act, options);
    on("pointerdown", (event) => this._down(event));
    on("pointermove", (event) => this._move(event));
    on("pointerup", (event) => this._up(event));
    on("pointercancel", (event) => this._up(event, true));
    on("pointerleave", () => this._over(null));
    on("wheel", (event) => this._wheel(event), { passive: false });
    on("contextmenu", (event) => event.preventDefault());
    on("keydown", (event) => this._key(event));
    on("keyup", (event) => event.key === " " && this._spaced(false));
    on("blur", () => {
      this._spaced(false);
      if (this._busy === "key") this._endByKey(true);
      this.cursor = null;
      this.rehandle();
    });
  }

  _place(event) {
    const box = this.front.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  }

  _at(event) {
    const { x, y } = this._place(event);
    return this.toPicture(x, y);
  }

  _down(event) {
    if (!this.picture) return;
    this.front.focus({ preventScroll: true });
    this.front.setPointerCapture(event.pointerId);
    this._coarse = event.pointerType === "touch";
    this.cursor = null;
    this._pressed.set(event.pointerId, this._place(event));
    if (event.pointerType === "touch" && this._pressed.size === 2) {
      if (this._busy === "tool") this.tool?.cancel?.();
      this._busy = "pinch";
    } else if (event.button === 1 || this._space || (event.button === 0 && this._pans)) {
      event.preventDefault();
      this._busy = "pan";
    } else if (event.button === 0 && this.tool && this._busy !== "pinch") {
      this._busy = "tool";
      this.tool.down?.(this._at(event), event);
    }
    this._pointed(event);
  }

  _move(event) {
    const before = this._pressed.get(event.pointerId);
    const now = this._place(event);
    if (before) this._pressed.set(event.pointerId, now);
    if (before && this._busy === "pan") this.pan(now.x - before.x, now.y - before.y);
    else if (before && this._busy === "pinch") this._pinch(event.pointerId, before, now);
    else if (before && this._busy === "tool") {
      const passed = event.getCoalescedEvents?.() ?? [];
      for (const one of passed.length ? passed : [event]) this.tool?.move?.(this._at(one), event);
    } else if (this._busy !== "key") this.tool?.hover?.(this._at(event), event);
    this._pointed(event);
  }

  _up(event, cancelled = false) {
    const pressed = this._pressed.delete(event.pointerId);
    if (!pressed) return;
    if (this._busy === "tool") {
      if (cancelled) this.tool?.cancel?.();
      else this.tool?.up?.(this._at(event), event);
    }
    if (this._pressed.size === 0) this._busy = null;
    this._pointed(event);
  }

  /** Two fingers: the picture stays under them. */
  _pinch(id, before, now) {
    const other = [...this._pressed].find(([key]) => key !== id)?.[1];
    if (!other) return;
    const far = (one) => Math.hypot(one.x - other.x, one.y - other.y);
    this.pan((now.x - before.x) / 2, (now.y - before.y) / 2);
    const middle = { x: (now.x + other.x) / 2, y: (now.y + other.y) / 2 };
    this.zoom(Math.max(0.1, far(now)) / Math.max(0.1, far(before)), middle.x, middle.y);
  }

  _wheel(event) {
    event.preventDefault();
    const { x, y } = this._place(event);
    const lines = event.deltaMode === 1 ? 24 : 1;
    if (event.shiftKey) this.pan(-(event.deltaX || event.deltaY) * lines, 0);
    // A pinch on a touchpad comes as a wheel with Ctrl, in finer steps.
    else this.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0015)), x, y);
  }

  _pointed(event) {
    this._over(this._at(event));
  }

  _over(at) {
    this.pointer = at;
    const panning = this._space || this._busy === "pan";
    if (panning) this.front.style.cursor = "grabbing";
    else if (at) this.front.style.cursor = this._pans ? "grab" : (this.tool.cursor?.(at) ?? "");
    this.rehandle();
    this.dispatchEvent(new Event("pointed"));
  }

  _spaced(down) {
    this._space = down;
    this.front.style.cursor = down ? "grab" : "";
  }

  _key(event) {
    if (!this.picture || event.ctrlKey || event.metaKey) return;
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const arrow = arrows[event.key];
    if (event.key === " ") this._spaced(true);
    else if (this._busy !== "key" && this.tool?.key?.(event)) {
      // the tool's own
    } else if (arrow && this.tool && !this._space) this._moveCursor(arrow, event);
    else if (arrow) this.pan(-arrow[0] * 40, -arrow[1] * 40);
    else if (event.key === "Enter" && this.tool) this._press(event);
    else if (event.key === "Escape" && this._busy === "key") this._endByKey(true);
    else if (event.key === "Escape" && this._busy === "tool") {
      this._busy = null;
      this.tool.cancel?.();
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** An arrow moves the cursor by ten pixels of the screen, with Shift by one of the picture. */
  _moveCursor([dx, dy], event) {
    const { width, height } = this.picture;
    const step = event.shiftKey ? 1 : Math.max(1, Math.round(KEY_STEP / this.scale));
    const at = this.cursor ?? this.pointer ?? this._middle();
    this.cursor = {
      x: Math.min(width, Math.max(0, Math.round(at.x) + (this.cursor ? dx * step : 0))),
      y: Math.min(height, Math.max(0, Math.round(at.y) + (this.cursor ? dy * step : 0))),
    };
    if (this._busy === "key") this.tool.move?.(this.cursor, event);
    else this.tool.hover?.(this.cursor, event);
    this._follow();
    this.rehandle();
    this.dispatchEvent(new Event("pointed"));
    say(`${this.cursor.x}, ${this.cursor.y}`);
  }

  /** The middle of what is seen of the picture. */
  _middle() {
    const from = this.toPicture(0, 0);
    const to = this.toPicture(this.width, this.height);
    const { width, height } = this.picture;
    const between = (low, high, length) =>
      Math.round((Math.max(0, low) + Math.min(length, high)) / 2);
    return { x: between(from.x, to.x, width), y: between(from.y, to.y, height) };
  }

  /** Scrolls so that the cursor can be seen. */
  _follow() {
    const { x, y } = this.toScreen(this.cursor.x, this.cursor.y);
    const dx = Math.min(0, this.width - 16 - x) + Math.max(0, 16 - x);
    const dy = Math.min(0, this.height - 16 - y) + Math.max(0, 16 - y);
    if (dx || dy) this.pan(dx, dy);
  }

  /** Enter presses the cursor, and lets it go. */
  _press(event) {
    if (this._busy === "key") return this._endByKey(false, event);
    if (this._busy) return undefined;
    this.cursor ??= this._middle();
    this._busy = "key";
    this.tool.down?.(this.cursor, event);
    return this.rehandle();
  }

  _endByKey(cancelled, event = null) {
    this._busy = null;
    if (cancelled) this.tool?.cancel?.();
    else this.tool?.up?.(this.cursor, event);
    this.rehandle();
  }

  /** Whether the keyboard holds the cursor down. */
  get pressedByKey() {
    return this._busy === "key";
  }
}

/** The pixels of the picture under those of the screen, for what is painted over it. */
class Sampler {
  /** @param {import("./raster.js").Box} area  Of the canvas, in device pixels. */
  constructor(view, area) {
    const step = 1 / (view.scale * view.ratio);
    this.width = area.x1 - area.x0;
    this.height = area.y1 - area.y0;
    this.xs = Int32Array.from({ length: this.width }, (_, i) =>
      Math.floor(view.left + (area.x0 + i + 0.5) * step),
    );
    this.ys = Int32Array.from({ length: this.height }, (_, i) =>
      Math.floor(view.top + (area.y0 + i + 0.5) * step),
    );
  }

  /** Calls `span(tile, row of the tile, row of the screen, first, end)` for what `raster` has. */
  spans(raster, span) {
    const { xs, ys } = this;
    const ends = [];
    for (let i = 0; i < xs.length; ) {
      const column = xs[i] >> 8;
      let end = i + 1;
      while (end < xs.length && xs[end] >> 8 === column && xs[end] < raster.width) end++;
      if (xs[i] >= 0 && xs[i] < raster.width) ends.push([column, i, end]);
      i = end;
    }
    for (let j = 0; j < ys.length; j++) {
      if (ys[j] < 0 || ys[j] >= raster.height) continue;
      const row = (ys[j] >> 8) * raster.columns;
      for (const [column, first, end] of ends) {
        const tile = raster.tiles[row + column];
        if (tile) span(tile, (ys[j] & 255) << 8, j, first, end);
      }
    }
  }
}

function joined(a, b) {
  if (!a || !b) return a ?? b;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}
