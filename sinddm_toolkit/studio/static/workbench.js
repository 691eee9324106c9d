/**
 * The workbench: open pictures as tabs, one viewer, and what is drawn on the pictures.
 *
 *     import { workbench } from "./workbench.js";
 *
 * A *picture* is what the server says of one: `{id, name, width, height, has_alpha, levels}`. All
 * coordinates and lengths are pixels of the picture, whatever the zoom; x to the right, y down,
 * (0, 0) is the left upper corner of the first pixel.
 *
 * Events of `workbench` (an EventTarget):
 * - `change`: another picture is shown, or none; `workbench.current` tells which.
 * - `open`, `close`: `event.detail` is the picture.
 * - `draw`: something drawn changed; `event.detail` is its handle.
 * - `error`: `event.detail` is a line of words (an upload that was refused).
 *
 * @typedef {{id: string, name: string, width: number, height: number, has_alpha: boolean,
 *            levels: number}} Picture
 *
 * @typedef {Object} Handle  What `edit` returns: a value that is drawn on a picture.
 * @property {string} kind
 * @property {string} option  As it was given to `edit`.
 * @property {Picture} picture  What it is drawn on.
 * @property {*} value  What is drawn now: null for nothing; a mask that isn't uploaded yet is
 *   `{mask: null}`, a picture that isn't, `{picture: null}`.
 * @property {boolean} active  Whether the pointer and the keyboard draw on it.
 * @property {() => void} activate  Makes it the one that is drawn on, and shows its picture.
 * @property {(value: *) => Promise<void>} set  Replaces what is drawn; undo takes it back.
 * @property {() => Promise<*>} ready  Uploads what is drawn; resolves to the value for an EDIT.
 * @property {() => void} stop  Takes it from the picture.
 */

/**
 * The kinds that `edit` knows, with their values and what `ready` gives for an EDIT:
 *
 * | kind      | for                                      | value                                | ready |
 * |-----------|------------------------------------------|--------------------------------------|-------|
 * | `region`  | an option of kind region                 | `"x,y,w,h"`, `{mask: ID}` or null    | `"x,y,w,h"`, `"ID"` or null |
 * | `box`     | a region that must be a box              | `"x,y,w,h"` or null                  | the same |
 * | `regions` | options of kind region, many, one        | `[{source: "x,y,w,h",                | the same |
 * |           | following the other (sources, targets)   | targets: ["x,y,w,h", …]}, …]`        | |
 * | `point`   | an option of kind point                  | `"x,y"` or null                      | the same |
 * | `edges`   | four options of kind length that are     | `{left, right, top, bottom}`,        | the same |
 * |           | called left, right, top, bottom          | whole numbers ≥ 0                    | |
 * | `size`    | an option of kind size                   | `"WxH"` or null                      | the same |
 * | `sketch`  | an option of kind picture: painted over  | `{picture: ID}` or null              | `"ID"` or null |
 * |           | the current picture                      |                                      | |
 * | `place`   | an option of kind picture: things placed | `{picture: ID}` or null              | `"ID"` or null |
 * |           | on the current picture                   |                                      | |
 */
export const KINDS = ["region", "box", "regions", "point", "edges", "size", "sketch", "place"];

export class Workbench extends EventTarget {
  /** The picture that is shown, or null. @type {Picture|null} */
  get current() {}

  /** All that are open, in the order of their tabs. @type {Picture[]} */
  get pictures() {}

  /** Opens a picture that the server has in a tab, or shows its tab; made current unless
   * `{show: false}`. */
  open(picture, { show = true } = {}) {}

  /** Uploads a file (File or Blob) and opens it. @returns {Promise<Picture>} */
  async upload(file, { show = true } = {}) {}

  /** Lets the person choose a file; resolves to the picture uploaded, or null. It doesn't open. */
  async choose() {}

  /** Closes the tab of the picture `id`, and stops what is drawn on it. */
  close(id) {}

  /** Shows the tab of the picture `id`; ends a comparison. */
  show(id) {}

  /**
   * Draws and edits a value of `kind` on the current picture, and makes it active.
   *
   * @param {string} kind  One of `KINDS`.
   * @param {*} value  What is there to begin with; null for nothing.
   * @param {Object} [options]
   * @param {string} [options.label]  What people call it: the help's first words.
   * @param {string} [options.option]  Names it in `settled()`.
   * @param {string} [options.colour]  A CSS colour; one of its own if not given.
   * @param {Picture} [options.on]  Another picture than the current one.
   * @param {(value: *) => void} [options.onchange]  Called after each stroke, drag or undo.
   * @param {() => Promise<Picture|null>} [options.propose]  What the task would choose by itself,
   *   as a mask: shown first where `value` is null, and by the button "Suggest".
   * @param {{width: number, height: number}} [options.canvas]  `regions`: the result's size, where
   *   it isn't the picture's; targets lie on it. `handle.canvas = …` changes it.
   * @returns {Handle}
   */
  edit(kind, value, options = {}) {}

  /** `edit("place", null, options)`, with `picture` as the first thing placed (or null).
   * The handle's `add(picture)` places one more. */
  place(picture, options = {}) {}

  /** What is drawn, ready for an EDIT: uploads what isn't yet. Resolves to `{option: value}` of
   * all handles that have an `option`; null stands for nothing drawn. Rejects with an Error in
   * words if an upload is refused. */
  async settled() {}

  /** Shows the pictures `a` and `b` (what the server says of them, or ids of open tabs) over each
   * other: a divider to drag, hold to see the other, or side by side, with the same zoom. `labels`
   * names them. Ends by `stop()` of what it returns, Escape, or `show`. `options.onend` is called. */
  async compare(a, b, { labels = ["before", "after"], onend } = {}) {}

  /** Shows the picture repeated in all directions, as a tile; `false` ends it. */
  repeat(on = true) {}
}

export const workbench = new Workbench();
