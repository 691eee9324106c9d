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

import { upload } from "./api.js";
import { Comparison } from "./compare.js";
import { Edges, Sized } from "./edges.js";
import { COLOURS } from "./editor.js";
import { make, notice } from "./elements.js";
import { icon, iconButton } from "./icons.js";
import { chooseFiles } from "./inputs.js";
import { Mask } from "./mask.js";
import { about } from "./pictures.js";
import { Place } from "./place.js";
import { Box, Point, Regions } from "./regions.js";
import { Sketch } from "./sketch.js";
import { Tabs } from "./tabs.js";
import { Viewer } from "./view.js";

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
const EDITORS = {
  region: Mask,
  box: Box,
  regions: Regions,
  point: Point,
  edges: Edges,
  size: Sized,
  sketch: Sketch,
  place: Place,
};

const OPEN = "open-pictures"; // in the session's storage, so that tabs survive a reload
const KEYS = [
  ["+ −", "Zoom in and out"],
  ["0", "Fit the window"],
  ["1", "Actual size"],
  ["Space", "Held: drag the picture"],
  ["Arrows", "Move the cursor across the picture, with Shift pixel by pixel"],
  ["Enter", "Begin to draw at the cursor; once more ends it"],
  ["Escape", "Cancel what is being drawn, or close the comparison"],
  ["Ctrl+Z", "Undo"],
  ["Ctrl+Shift+Z", "Redo"],
  ["O", "Open pictures"],
];
const HELP = [
  "Draw on the picture with the tools beside it: masks, boxes, edges, or things that you place.",
  "Then press Make it. What comes of it is shown beside its input, and stays beneath the picture.",
];
const TYPED_IN = "input, textarea, select, [contenteditable]";

export class Workbench extends EventTarget {
  constructor() {
    super();
    const at = (id) => document.getElementById(id);
    this._host = at("workbench");
    this._tools = at("tools");
    this._options = at("tool-options");
    this._bar = at("view-bar");
    this._open = []; // {picture, look}
    this._current = null;
    this._editors = [];
    this._active = null;
    this._comparison = null;
    /** Counts what was drawn and begun to be drawn: whether tools were used since is seen by it. */
    this.uses = 0;
    this.addEventListener("draw", () => this.uses++);
    /** @type {Viewer} */
    this.view = new Viewer(at("view"));
    this._tabs = new Tabs(at("tabs"), {
      show: (id) => this.show(id),
      close: (id) => this.close(id),
    });
    this._buildEmpty();
    this._buildBar();
    this._listen(at("open-picture"));
    this.view.drawers.push((context, view) => this._drawBackdrops(context, view));
    this._showState();
    /** Settles when what was open before a reload is open again. @type {Promise<void>} */
    this.reopened = this._reopen();
  }

  /** The picture that is shown, or null. @type {Picture|null} */
  get current() {
    return this._current?.picture ?? null;
  }

  /** All that are open, in the order of their tabs. @type {Picture[]} */
  get pictures() {
    return this._open.map(({ picture }) => picture);
  }

  /** Whether the pointer or the keyboard holds something on the picture just now. */
  get isHeld() {
    return this.view.isHeld;
  }

  /** The handles of all that is drawn. @type {Handle[]} */
  get handles() {
    return [...this._editors];
  }

  // --- pictures

  /** Opens a picture that the server has in a tab, or shows its tab; made current unless
   * `{show: false}`. */
  open(picture, { show = true } = {}) {
    if (!this._open.some((one) => one.picture.id === picture.id)) {
      this._open.push({ picture, look: null });
      this._tell("open", picture);
    }
    if (show || !this._current) this.show(picture.id);
    else this._showTabs();
  }

  /** Uploads a file (File or Blob) and opens it. @returns {Promise<Picture>} */
  async upload(file, { show = true } = {}) {
    const picture = await this._busily(file.name ?? "the picture", () => upload(file));
    this.open(picture, { show });
    return picture;
  }

  /** Lets the person choose a file; resolves to the picture uploaded, or null. It doesn't open. */
  async choose() {
    const [file] = await chooseFiles();
    return file ? this._busily(file.name, () => upload(file)) : null;
  }

  /** Closes the tab of the picture `id`, and stops what is drawn on it. */
  close(id) {
    const at = this._open.findIndex(({ picture }) => picture.id === id);
    if (at < 0) return;
    for (const editor of this._editors.filter((one) => one.picture.id === id)) editor.stop();
    const [{ picture }] = this._open.splice(at, 1);
    if (this._current?.picture.id === id) {
      this._current = null;
      const next = this._open[Math.min(at, this._open.length - 1)];
      if (next) this.show(next.picture.id);
      else this._shown();
    }
    this._showTabs();
    this._tell("close", picture);
  }

  /** Shows the tab of the picture `id`; ends a comparison. */
  show(id) {
    const tab = this._open.find(({ picture }) => picture.id === id);
    if (!tab) return;
    this._comparison?.stop();
    if (tab === this._current) return;
    if (this._current) this._current.look = this.view.look;
    this._current = tab;
    this._shown();
  }

  _shown() {
    this.repeat(false);
    const on = this._editors.filter(({ picture }) => picture.id === this.current?.id);
    if (!on.includes(this._active)) this._activate(on.at(-1) ?? null);
    this.view.extent = this._active?.extent ?? null;
    this.view.show(this.current, this._current?.look);
    this._showTabs();
    this._showState();
    this.dispatchEvent(new Event("change"));
  }

  _tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // --- what is drawn

  /**
   * Draws and edits a value of `kind` on the current picture, and makes it active.
   *
   * @param {string} kind  One of those above.
   * @param {*} value  What is there to begin with; null for nothing, or for `place` what was
   *   placed on the picture before.
   * @param {Object} [options]
   * @param {string} [options.label]  What people call it: the help's first words.
   * @param {string} [options.option]  Names it in `settled()`.
   * @param {string} [options.colour]  "#rrggbb"; one of its own if not given.
   * @param {Picture} [options.on]  Another picture than the current one.
   * @param {(value: *) => void} [options.onchange]  Called after each stroke, drag or undo.
   * @param {() => Promise<Picture|null>} [options.propose]  `region`: what the task would choose
   *   by itself, as a mask: shown first where `value` is null, and by the button "Suggest".
   * @param {{width: number, height: number}} [options.canvas]  `regions`: the result's size, where
   *   it isn't the picture's; targets lie on it. `handle.canvas = …` changes it.
   * @returns {Handle}
   */
  edit(kind, value, options = {}) {
    const picture = options.on ?? this.current;
    if (!picture) throw new Error("open a picture first");
    this.open(picture, { show: true });
    const free = COLOURS.find((colour) => this._editors.every((one) => one.colour !== colour));
    const editor = new EDITORS[kind](this.view, picture, {
      ...options,
      colour: options.colour ?? free ?? COLOURS[0],
      label: options.label ?? options.option ?? "",
    });
    editor.stop = () => this._stop(editor);
    editor.activate = () => {
      this.show(picture.id);
      this._activate(editor);
    };
    editor.chooser = () => this.choose();
    editor.addEventListener("change", () => {
      this._reach();
      this._tell("draw", editor);
    });
    editor.addEventListener("state", () => {
      if (editor !== this._active) return;
      this._reach();
      this._showState();
    });
    this._editors.push(editor);
    this.uses++;
    this._activate(editor);
    if (value !== null && value !== undefined) {
      editor.set(value).catch((error) => this._fault(error));
    } else {
      if (options.propose) editor.suggest?.();
      // What lies there already for another option isn't put there twice.
      const isFirst = this._editors.every((one) => one === editor || one.kind !== kind || one.picture.id !== picture.id);
      if (isFirst) editor.resume?.().catch((error) => this._fault(error));
    }
    return editor;
  }

  /** `edit("place", null, options)`, with `picture` as the first thing placed (or null).
   * The handle's `add(picture)` places one more. */
  place(picture, options = {}) {
    const editor = this.edit("place", null, options);
    if (picture) editor.add(picture).catch((error) => this._fault(error));
    return editor;
  }

  /** What is drawn, ready for an EDIT: uploads what isn't yet. Resolves to `{option: value}` of
   * all handles that have an `option`; null stands for nothing drawn. Rejects with an Error in
   * words if an upload is refused. */
  async settled() {
    const named = this._editors.filter(({ option }) => option);
    const values = await Promise.all(named.map((editor) => editor.ready()));
    return Object.fromEntries(named.map(({ option }, i) => [option, values[i]]));
  }

  _stop(editor) {
    editor.onchange = null; // what is on its way still comes too late
    this._editors = this._editors.filter((one) => one !== editor);
    if (this._active === editor) {
      const on = this._editors.filter(({ picture }) => picture.id === this.current?.id);
      this._activate(on.at(-1) ?? null);
    }
    this._lay();
  }

  _activate(editor) {
    if (this._active) this._active.active = false;
    this._active = editor;
    if (editor) editor.active = true;
    const fitted = this.view.fitted;
    this.view.extent = editor?.extent ?? null;
    this._lay();
    this._showState(); // the bars come or go, and leave less room or more
    if (fitted) this.view.fit();
  }

  /** Where what is drawn reaches out of sight, all is fitted anew. */
  _reach() {
    if (this._comparison) return;
    const { view } = this;
    const before = JSON.stringify(view.extent);
    view.extent = this._active?.extent ?? null;
    if (JSON.stringify(view.extent) !== before && view.fitted) view.fit();
  }

  /** Gives the viewer what it paints and who gets the pointer. */
  _lay() {
    this.view.tool = this._comparison ?? this._active;
    this.view.painters = this._shownEditors().flatMap(({ painter }) => painter ?? []);
    this.view.redraw();
  }

  /** Those on the current picture, the active one on top. */
  _shownEditors() {
    const on = this._editors.filter(({ picture }) => picture.id === this.current?.id);
    return on.sort((a, b) => a.active - b.active);
  }

  _drawBackdrops(context, view) {
    if (this._comparison) this._comparison.draw(context, view);
    else for (const editor of this._shownEditors()) editor.backdrop?.(context, view);
  }

  // --- looking

  /** Shows the pictures `a` and `b` (what the server says of them, or ids) over each other: a
   * divider to drag, hold to see the other, or side by side, with the same zoom. `labels` names
   * them. Ends by `stop()` of what it returns, Escape, or `show`; `onend` is called then. The
   * keyboard's focus goes there unless `focus` is false. */
  async compare(a, b, { labels = ["before", "after"], onend, focus = true } = {}) {
    const [first, second] = await Promise.all([this._known(a), this._known(b)]);
    this._comparison?.stop();
    const comparison = new Comparison(this.view, first, second, labels);
    const look = this.current && this.view.look;
    comparison.stop = () => {
      if (this._comparison !== comparison) return;
      this._comparison = null;
      this.view.scene = null;
      this._lay();
      this.view.extent = this._active?.extent ?? null;
      this.view.show(this.current, look);
      this._showState();
      onend?.();
    };
    comparison.addEventListener("end", () => comparison.stop());
    this.repeat(false);
    this._comparison = comparison;
    this.view.scene = (context, view) => comparison.scene(context, view);
    this.view.extent = comparison.extent;
    this._lay();
    const same = this.current?.id === first.id;
    this.view.show(first, same ? look : null);
    this._showState();
    if (focus) this.view.front.focus({ preventScroll: true });
    return comparison;
  }

  async _known(picture) {
    if (typeof picture !== "string") return picture;
    return this.pictures.find(({ id }) => id === picture) ?? about(picture);
  }

  /** Shows the picture repeated in all directions, as a tile; `false` ends it. */
  repeat(on = true) {
    if (this.view.repeated === on) return;
    this.view.repeated = on;
    this._repeatButton.setAttribute("aria-pressed", String(on));
    if (on) this.view.zoom(0.4);
    else this.view.fit();
  }

  // --- bars

  _buildEmpty() {
    const choose = make("button", { type: "button", class: "primary" }, icon("open"), "Choose…");
    choose.addEventListener("click", () => this._chooseAndOpen());
    this._empty = make(
      "div",
      { id: "empty" },
      make("p", { class: "big" }, "Drop a picture here"),
      make("p", {}, "or paste one, or choose a file."),
      choose,
      make("p", { class: "then" }, "Then say what you would like to do. All of it stays on this machine."),
    );
    this.view.host.append(this._empty);
  }

  _buildBar() {
    const { view } = this;
    this._percent = make("output", { id: "zoom", "aria-label": "Zoom" });
    this._where = make("span", { id: "where" });
    const fit = iconButton("fit", "Fit the window", () => view.fit(), { key: "0" });
    const repeat = () => this.repeat(!view.repeated);
    this._repeatButton = iconButton("repeat", "Show it as a tile", repeat, { pressed: false });
    const actual = make(
      "button",
      { type: "button", title: "Actual size (1)", "aria-label": "Actual size" },
      "1:1",
    );
    actual.addEventListener("click", () => view.actual());
    const help = make("button", { type: "button", title: "Help and keys (?)", "aria-label": "Help and keys" }, "?");
    help.addEventListener("click", () => this._showKeys());
    this._bar.append(
      iconButton("minus", "Zoom out", () => view.zoom(1 / 1.25), { key: "-" }),
      this._percent,
      iconButton("plus", "Zoom in", () => view.zoom(1.25), { key: "+" }),
      fit,
      actual,
      this._repeatButton,
      help,
      this._where,
    );
    view.addEventListener("look", () => this._showLook());
    view.addEventListener("pointed", () => this._showLook());
  }

  _showLook() {
    const { view, current } = this;
    const percent = view.scale * view.ratio * 100;
    this._percent.textContent = `${percent < 10 ? percent.toFixed(1) : Math.round(percent)} %`;
    if (!view.picture) return;
    const { width, height } = view.picture;
    const at = view.cursor ?? view.pointer;
    const inside = at && at.x >= 0 && at.y >= 0 && at.x < width && at.y < height;
    const place = inside && current ? `${Math.floor(at.x)}, ${Math.floor(at.y)} · ` : "";
    this._where.textContent = `${place}${width} × ${height}`;
  }

  /** Builds the bars anew, for what is active; the focus stays where it was. */
  _showState() {
    const focused = document.activeElement?.getAttribute("aria-label");
    const inBars = [this._tools, this._options].find((bar) =>
      bar.contains(document.activeElement),
    );
    const shown = this._comparison ?? this._active;
    this._empty.hidden = !!this.current || !!this._comparison;
    this._bar.hidden = !this.view.picture;
    this._showTools();
    this._options.replaceChildren();
    vacate(this._options, !shown, !this.view.picture);
    if (shown === this._active && shown) this._showWhich();
    shown?.controls(this._options);
    if (inBars && focused) {
      [...inBars.querySelectorAll("[aria-label]")]
        .find((one) => one.getAttribute("aria-label") === focused)
        ?.focus({ preventScroll: true });
    }
    this._showLook();
    this.view.rehandle();
  }

  _showTools() {
    const editor = this._comparison ? null : this._active;
    vacate(this._tools, !editor, !this.view.picture);
    this._tools.replaceChildren();
    if (!editor) return;
    for (const { id, label, key, icon: name } of editor.tools) {
      const pressed = editor.tool === id;
      this._tools.append(iconButton(name, label, () => editor.choose(id), { key, pressed }));
    }
    const undo = iconButton("undo", "Undo", () => editor.undo(), { key: "Ctrl+Z" });
    const redo = iconButton("redo", "Redo", () => editor.redo(), { key: "Ctrl+Shift+Z" });
    undo.disabled = !editor.canUndo;
    redo.disabled = !editor.canRedo;
    this._tools.append(make("hr", {}), undo, redo);
  }

  /** Arrows go from tool to tool. */
  _alongTools(event) {
    const tools = [...this._tools.querySelectorAll("button:not(:disabled)")];
    const at = tools.indexOf(document.activeElement);
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
    if (!by || at < 0) return;
    tools[(at + by + tools.length) % tools.length].focus();
    event.preventDefault();
  }

  /** Says what is drawn, and where there are several lets choose. */
  _showWhich() {
    const on = this._editors.filter(({ picture }) => picture.id === this.current?.id);
    const group = make("div", { class: "which", role: "group", "aria-label": "What is drawn" });
    for (const editor of on) {
      const dot = make("i", {});
      dot.style.backgroundColor = editor.colour;
      const pressed = String(editor.active);
      const chip = make("button", { type: "button", "aria-pressed": pressed }, dot, editor.label);
      chip.addEventListener("click", () => editor.activate());
      if (editor.label) group.append(chip);
    }
    if (group.children.length) this._options.append(group);
  }

  _showTabs() {
    this._tabs.show(this.pictures, this.current?.id);
    sessionStorage.setItem(
      OPEN,
      JSON.stringify({ ids: this.pictures.map(({ id }) => id), current: this.current?.id ?? null }),
    );
  }

  /** The keys, of the workbench and of what is drawn, in a dialog. */
  _showKeys() {
    const rows = [...KEYS, ...(this._active?.tools ?? []).map(({ key, label }) => [key, label])];
    rows.push(...(this._active?.keys ?? []));
    const list = make("dl", { class: "keys" });
    for (const [key, words] of rows) {
      if (key) list.append(make("dt", {}, make("kbd", {}, key)), make("dd", {}, words));
    }
    const close = make("button", { type: "button", class: "primary" }, "Close");
    const title = make("h2", { id: "keys-title" }, "What you can do here");
    const words = make("div", { class: "hint" }, HELP.map((line) => make("p", {}, line)));
    const dialog = make("dialog", { "aria-labelledby": "keys-title" }, title, words, list, close);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => {
      dialog.remove();
      this.view.front.focus({ preventScroll: true });
    });
    document.body.append(dialog);
    dialog.showModal();
  }

  // --- coming in: files, the clipboard, the address, the last time

  _listen(open) {
    open.addEventListener("click", () => this._chooseAndOpen());
    this._tools.addEventListener("keydown", (event) => this._alongTools(event));
    document.addEventListener("keydown", (event) => this._shortcut(event));
    document.addEventListener("paste", (event) => this._received(event, event.clipboardData));
    document.addEventListener("dragover", (event) => {
      if (![...event.dataTransfer.types].includes("Files")) return;
      event.preventDefault();
      this._host.classList.add("dropping");
    });
    document.addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) this._host.classList.remove("dropping");
    });
    document.addEventListener("drop", (event) => {
      this._host.classList.remove("dropping");
      this._received(event, event.dataTransfer);
    });
  }

  /** Files that were dropped or pasted: placed where things are placed, else opened. */
  async _received(event, data) {
    const files = [...(data?.files ?? [])];
    if (!files.length) return;
    event.preventDefault();
    const placing = this._active?.kind === "place" && !this._comparison ? this._active : null;
    const box = this.view.front.getBoundingClientRect();
    const at =
      event.type === "drop" ? [event.clientX - box.left, event.clientY - box.top] : null;
    for (const file of files) {
      try {
        if (!placing) await this.upload(file);
        else {
          const picture = await this._busily(file.name, () => upload(file));
          await placing.add(picture, at && this.view.toPicture(...at));
        }
      } catch (error) {
        this._fault(error);
      }
    }
  }

  async _chooseAndOpen() {
    for (const file of await chooseFiles({ many: true })) {
      try {
        await this.upload(file);
      } catch (error) {
        this._fault(error);
      }
    }
  }

  async _busily(name, act) {
    const words = make("p", { class: "sending", role: "status" }, `Opening ${name}…`);
    this.view.host.append(words);
    try {
      return await act();
    } finally {
      words.remove();
    }
  }

  _fault(error) {
    notice(error.message);
    this._tell("error", error.message);
  }

  /** Opens what the address names (`?open=ID,ID`) and what was open before a reload. */
  async _reopen() {
    const named = new URLSearchParams(location.search).get("open")?.split(",") ?? [];
    let before = { ids: [], current: null };
    try {
      before = JSON.parse(sessionStorage.getItem(OPEN)) ?? before;
    } catch {
      // nothing that can be read: nothing was open
    }
    const ids = [...new Set([...before.ids, ...named])].filter((id) => /^[0-9a-f]{24}$/.test(id));
    const found = await Promise.all(ids.map((id) => about(id).catch(() => null)));
    for (const picture of found) if (picture) this.open(picture, { show: false });
    this.show(named[0] ?? before.current);
    this._showTabs();
  }

  // --- keys

  _shortcut(event) {
    const { target } = event;
    const here = target === document.body || this._host.contains(target);
    if (!here || target.matches?.(TYPED_IN) && target.type !== "range") return;
    if (document.querySelector("dialog[open]")) return;
    if (this._shortcutTaken(event)) event.preventDefault();
  }

  _shortcutTaken(event) {
    const editor = this._comparison ? null : this._active;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" && event.shiftKey) editor?.redo();
      else if (key === "z") editor?.undo();
      else if (key === "y") editor?.redo();
      else return false;
      return true;
    }
    if (event.key === "+" || event.key === "=") this.view.zoom(1.25);
    else if (event.key === "-") this.view.zoom(1 / 1.25);
    else if (event.key === "0") this.view.fit();
    else if (event.key === "1") this.view.actual();
    else if (event.key === "Escape" && this._comparison) this._comparison.stop();
    else if (key === "o") this._chooseAndOpen();
    else if (event.key === "?") this._showKeys();
    else return editor?.shortcut(event) ?? false;
    return true;
  }
}

/** An empty bar keeps its place as long as there is a picture. */
function vacate(bar, isVacant, isNeedless) {
  bar.classList.toggle("vacant", isVacant);
  bar.hidden = isVacant && isNeedless;
}

export const workbench = new Workbench();
