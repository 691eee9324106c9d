/**
 * What is drawn on a picture, in the picture's own pixels: a raster of tiles with undo.
 *
 * Tiles come into being where something is drawn, so that a mask of 24 megapixels with one stroke
 * takes what the stroke takes. A change keeps only the tiles it touched, run-length coded.
 */

export const TILE = 256;

/** @typedef {{x0: number, y0: number, x1: number, y1: number}} Box  x1, y1 are left out. */

export class Raster {
  /**
   * @param {number} width @param {number} height
   * @param {typeof Uint8Array | typeof Uint32Array} Pixels  A mask (0 to 255), or RGBA as a canvas
   *   has it in memory (not premultiplied).
   */
  constructor(width, height, Pixels = Uint8Array) {
    this.width = width;
    this.height = height;
    this.Pixels = Pixels;
    this.columns = Math.ceil(width / TILE);
    this.rows = Math.ceil(height / TILE);
    this.tiles = new Array(this.columns * this.rows).fill(null);
    this._before = new Map(); // of the change under way: number of the tile → coded pixels
    this._done = [];
    this._undone = [];
  }

  get(x, y) {
    const tile = this.tiles[(y >> 8) * this.columns + (x >> 8)];
    return tile ? tile[((y & 255) << 8) | (x & 255)] : 0;
  }

  /** The tile number `k` to write to; what was there is kept for undo. */
  _writable(k) {
    if (!this._before.has(k)) this._before.set(k, coded(this.tiles[k]));
    return (this.tiles[k] ??= new this.Pixels(TILE * TILE));
  }

  /** Sets the pixels x0 ≤ x < x1 of the row `y`; what lies outside the picture is left out. */
  fill(y, x0, x1, value) {
    if (y < 0 || y >= this.height) return;
    x0 = Math.max(0, x0);
    x1 = Math.min(this.width, x1);
    for (let x = x0; x < x1; ) {
      const k = (y >> 8) * this.columns + (x >> 8);
      const end = Math.min(x1, ((x >> 8) + 1) << 8);
      if (value !== 0 || this.tiles[k]) {
        const start = (y & 255) << 8;
        this._writable(k).fill(value, start + (x & 255), start + ((end - 1) & 255) + 1);
      }
      x = end;
    }
  }

  /** Sets the pixels x0 ≤ x < x1 of the row `y` to `change(x, what is there)`. */
  change(y, x0, x1, change) {
    if (y < 0 || y >= this.height) return;
    x0 = Math.max(0, x0);
    x1 = Math.min(this.width, x1);
    for (let x = x0; x < x1; ) {
      const tile = this._writable((y >> 8) * this.columns + (x >> 8));
      const end = Math.min(x1, ((x >> 8) + 1) << 8);
      const start = ((y & 255) << 8) - (x & ~255);
      for (; x < end; x++) tile[start + x] = change(x, tile[start + x]);
    }
  }

  /** Replaces every tile: `make(k, pixels or null)` gives a tile's new pixels, or null for none. */
  replace(make) {
    for (let k = 0; k < this.tiles.length; k++) {
      const tile = this.tiles[k];
      const made = make(k, tile);
      if (made === tile) continue;
      if (!this._before.has(k)) this._before.set(k, coded(tile));
      this.tiles[k] = made && made.some((value) => value !== 0) ? made : null;
    }
  }

  /** The picture's pixels that tile `k` covers. @returns {Box} */
  boxOf(k) {
    const x0 = (k % this.columns) * TILE;
    const y0 = Math.floor(k / this.columns) * TILE;
    return { x0, y0, x1: Math.min(this.width, x0 + TILE), y1: Math.min(this.height, y0 + TILE) };
  }

  /** Ends a change: undo takes back all since the last one. Whether anything has changed. */
  commit() {
    const patch = [];
    for (const [k, before] of this._before) {
      const after = coded(this.tiles[k]);
      if (!same(before, after)) patch.push({ k, before, after });
      else if (after === null) this.tiles[k] = null;
    }
    this._before.clear();
    if (!patch.length) return false;
    this._done.push(patch);
    this._undone = [];
    return true;
  }

  /** Takes back what was drawn since the last commit. */
  rollback() {
    for (const [k, before] of this._before) this.tiles[k] = decoded(before, this.Pixels);
    this._before.clear();
  }

  get canUndo() {
    return this._done.length > 0;
  }

  get canRedo() {
    return this._undone.length > 0;
  }

  undo() {
    return this._step(this._done, this._undone, "before");
  }

  redo() {
    return this._step(this._undone, this._done, "after");
  }

  _step(from, to, side) {
    this.rollback();
    const patch = from.pop();
    if (!patch) return false;
    for (const entry of patch) this.tiles[entry.k] = decoded(entry[side], this.Pixels);
    to.push(patch);
    return true;
  }

  /** All tiles that there are lie within; null if there is none. @returns {Box|null} */
  reach() {
    let box = null;
    for (let k = 0; k < this.tiles.length; k++) {
      if (!this.tiles[k]) continue;
      const { x0, y0, x1, y1 } = this.boxOf(k);
      box ??= { x0, y0, x1, y1 };
      box.x0 = Math.min(box.x0, x0);
      box.x1 = Math.max(box.x1, x1);
      box.y1 = y1;
    }
    return box;
  }

  /** What is drawn lies within; null if nothing is. @returns {Box|null} */
  bounds() {
    let box = null;
    for (let k = 0; k < this.tiles.length; k++) {
      const tile = this.tiles[k];
      if (!tile) continue;
      const at = this.boxOf(k);
      for (let y = at.y0; y < at.y1; y++) {
        const row = tile.subarray((y & 255) << 8, ((y & 255) << 8) + at.x1 - at.x0);
        let first = 0;
        while (first < row.length && row[first] === 0) first++;
        if (first === row.length) continue;
        let last = row.length - 1;
        while (row[last] === 0) last--;
        box ??= { x0: Infinity, y0: y, x1: 0, y1: 0 };
        box.x0 = Math.min(box.x0, at.x0 + first);
        box.x1 = Math.max(box.x1, at.x0 + last + 1);
        box.y0 = Math.min(box.y0, y);
        box.y1 = Math.max(box.y1, y + 1);
      }
    }
    return box;
  }

  /** The row `y` from x0 to x1 (left out), copied to `into` at `at`. */
  copyRow(y, x0, x1, into, at = 0) {
    for (let x = x0; x < x1; ) {
      const tile = this.tiles[(y >> 8) * this.columns + (x >> 8)];
      const end = Math.min(x1, ((x >> 8) + 1) << 8);
      const start = (y & 255) << 8;
      if (tile) into.set(tile.subarray(start + (x & 255), start + ((end - 1) & 255) + 1), at);
      else into.fill(0, at, at + end - x);
      at += end - x;
      x = end;
    }
  }

  /** The pixels of `box`, row by row. */
  copy(box) {
    const width = box.x1 - box.x0;
    const pixels = new this.Pixels(width * (box.y1 - box.y0));
    for (let y = box.y0; y < box.y1; y++) {
      this.copyRow(y, box.x0, box.x1, pixels, (y - box.y0) * width);
    }
    return pixels;
  }

  /** Writes the pixels of `box`, row by row. */
  write(box, pixels) {
    const width = box.x1 - box.x0;
    for (let y = box.y0; y < box.y1; y++) {
      const start = (y - box.y0) * width - box.x0;
      this.change(y, box.x0, box.x1, (x) => pixels[start + x]);
    }
  }
}

/** Pixels as runs [how many, value, …]; as they are where runs would take more. */
function coded(tile) {
  if (!tile) return null;
  const runs = [];
  const longest = tile.byteLength / 4;
  let any = false;
  for (let i = 0; i < tile.length; ) {
    const value = tile[i];
    let end = i + 1;
    while (end < tile.length && tile[end] === value) end++;
    runs.push(end - i, value);
    any ||= value !== 0;
    if (runs.length > longest) return { raw: tile.slice() };
    i = end;
  }
  return any ? { runs: Uint32Array.from(runs) } : null;
}

function decoded(code, Pixels) {
  if (!code) return null;
  if (code.raw) return code.raw.slice();
  const tile = new Pixels(TILE * TILE);
  let at = 0;
  for (let i = 0; i < code.runs.length; i += 2) {
    tile.fill(code.runs[i + 1], at, (at += code.runs[i]));
  }
  return tile;
}

function same(a, b) {
  if (a === null || b === null) return a === b;
  const left = a.runs ?? a.raw;
  const right = b.runs ?? b.raw;
  return left.length === right.length && left.every((value, i) => value === right[i]);
}
