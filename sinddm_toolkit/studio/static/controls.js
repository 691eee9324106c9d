// One control for each kind of value. A control is {element, get, set, problem, focus}: `get()` is
// the value as an edit holds it, undefined if there is none; `set(value)` shows one; `problem()`
// says in words what is wrong with what was typed, or null.

import { upload } from "./api.js";
import { madeOf, placedOn } from "./compositions.js";
import { button, fill, freshId, make } from "./elements.js";

/**
 * The control for one value of `option`. `tools` has `label`, `id` and `describedBy` for it,
 * `changed()` to be called, `pictures` (the open ones) and `canvas` (what can be drawn).
 */
export function controlFor(option, tools) {
  if (option.choices) return choiceControl(option, tools);
  return (BY_KIND[option.kind] ?? textControl)(option, tools);
}

const BY_KIND = {
  number: numberControl,
  whole: numberControl,
  switch: switchControl,
  picture: pictureControl,
  region: drawnControl,
  point: drawnControl,
  size: sizeControl,
  colour: colourControl,
  "file-out": fileOutControl,
  "file-in": commandLineOnly,
};

function same(a, b) {
  return JSON.stringify(a) === JSON.stringify(b);
}

function naming(tools) {
  return { id: tools.id, "aria-label": tools.ariaLabel, "aria-describedby": tools.describedBy };
}

/* Words and numbers */

const PATTERNS = {
  length: [/^[0-9]+(\.[0-9]+)?%?$/, "120 or 25%"],
  seconds: [/^[0-9]*\.?[0-9]+[smh]?$/, "90s, 5m or 1h"],
  size: [/^[0-9.]+%?x[0-9.]+%?$/, "400x300 or 2x1"],
  point: [/^[0-9.]+%?,[0-9.]+%?$/, "120,80 or 50%,50%"],
};

function textControl(option, tools) {
  const [pattern, example] = PATTERNS[option.kind] ?? [null, ""];
  const input = make("input", {
    type: "text", autocomplete: "off", spellcheck: option.kind === "text",
    placeholder: example && `such as ${example}`, oninput: tools.changed, ...naming(tools),
  });
  const written = () => (pattern ? input.value.replaceAll(" ", "") : input.value.trim());
  return {
    element: input,
    get: () => written() || undefined,
    set: (value) => { input.value = value ?? ""; },
    problem: () => (written() && pattern && !pattern.test(written()) ? `must be ${option.words}` : null),
    focus: () => input.focus(),
  };
}

/** Numbers up to this fit a narrow field. */
const MOST_SHORT = 1e9;

function numberControl(option, tools) {
  const whole = option.kind === "whole";
  const { minimum, maximum } = option;
  const input = make("input", {
    type: "text", inputMode: whole ? "numeric" : "decimal", class: maximum > MOST_SHORT ? "number long" : "number", autocomplete: "off",
    placeholder: option.default === null ? "auto" : "", ...naming(tools),
  });
  const parsed = () => {
    const text = input.value.trim().replace(",", ".");
    const allowed = whole ? /^[+-]?[0-9]+$/ : /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)$/;
    return allowed.test(text) ? Number(text) : NaN;
  };
  const byFactors = goesByFactors(option);
  const place = (value) => (byFactors ? Math.log10(value) : value);
  const at = (placed) => (byFactors ? Number((10 ** placed).toPrecision(2)) : placed);
  const slider = hasRange(option)
    ? make("input", {
      type: "range", min: place(minimum), max: place(maximum),
      step: whole ? 1 : stepOf(place(maximum) - place(minimum)),
      "aria-label": `${tools.label}, slider`, "aria-describedby": tools.describedBy,
    })
    : null;
  const follow = () => {
    if (!slider) return;
    const value = parsed();
    slider.classList.toggle("unset", input.value.trim() === "");
    slider.value = place(Number.isNaN(value) ? middle(option) : value);
  };
  input.addEventListener("input", () => { follow(); tools.changed(); });
  slider?.addEventListener("input", () => {
    input.value = String(at(Number(slider.value)));
    slider.classList.remove("unset");
    tools.changed();
  });
  return {
    element: make("div", { class: "number-control" }, slider, input),
    get: () => {
      if (input.value.trim() === "") return undefined;
      const value = parsed();
      return Number.isNaN(value) ? input.value.trim() : value;
    },
    set: (value) => { input.value = value ?? ""; follow(); },
    problem: () => {
      if (input.value.trim() === "") return null;
      const value = parsed();
      const bad = Number.isNaN(value)
        || (minimum !== null && value < minimum) || (maximum !== null && value > maximum);
      return bad ? `must be ${option.words}` : null;
    },
    focus: () => input.focus(),
  };
}

function hasRange({ kind, minimum, maximum, default: usual }) {
  if (minimum === null || maximum === null) return false;
  return kind === "number" ? maximum - minimum <= 1000 : usual !== null && maximum - minimum <= 100;
}

/** Whether a slider should go by factors, not by differences: from 0.01 to 100, 1 is in the middle. */
function goesByFactors({ kind, minimum, maximum }) {
  return kind === "number" && minimum > 0 && maximum / minimum >= 100;
}

function middle(option) {
  const { default: usual, minimum, maximum } = option;
  return usual ?? (goesByFactors(option) ? Math.sqrt(minimum * maximum) : (minimum + maximum) / 2);
}

/** A hundredth of a range, rounded to 1, 2 or 5 times a power of ten. */
function stepOf(range) {
  const rough = range / 100;
  const power = 10 ** Math.floor(Math.log10(rough));
  const steps = [1, 2, 5, 10].map((factor) => factor * power);
  return Number(steps.find((step) => step >= rough * 0.999).toPrecision(1));
}

function switchControl(option, tools) {
  const input = make("input", { type: "checkbox", role: "switch", onchange: tools.changed, ...naming(tools) });
  return {
    element: input,
    get: () => input.checked,
    set: (value) => { input.checked = Boolean(value); },
    problem: () => null,
    focus: () => input.focus(),
  };
}

function choiceControl(option, tools) {
  const choices = option.choices.map((choice) => make("option", { value: choice }, choice));
  if (option.default === null) choices.unshift(make("option", { value: "" }, option.required ? "choose…" : "auto"));
  const select = make("select", { onchange: tools.changed, ...naming(tools) }, choices);
  return {
    element: select,
    get: () => select.value || undefined,
    set: (value) => { select.value = value ?? ""; },
    problem: () => null,
    focus: () => select.focus(),
  };
}

/* Files */

function fileOutControl(option, tools) {
  const suffix = (option.suffixes ?? [".png"])[0];
  const usual = option.default ?? `{out}-${option.name.replaceAll("_", "-")}${suffix}`;
  const name = make("input", { type: "text", autocomplete: "off", spellcheck: false, ...naming(tools) });
  const wanted = make("input", { type: "checkbox", role: "switch", "aria-label": `${tools.label}: make it too` });
  const isSwitched = option.default === null && !option.required;
  const show = () => { name.hidden = isSwitched && !wanted.checked; };
  wanted.addEventListener("change", () => {
    show();
    if (wanted.checked && !name.value) name.value = usual;
    tools.changed();
  });
  name.addEventListener("input", tools.changed);
  show();
  return {
    element: make("div", { class: "file-out" }, isSwitched && wanted, name),
    get: () => (name.hidden ? undefined : name.value.trim() || undefined),
    set: (value) => {
      name.value = value ?? (option.required ? usual : "");
      wanted.checked = value !== undefined && value !== null;
      show();
    },
    problem: () => {
      if (name.hidden || !name.value.trim()) return null;
      const ends = option.suffixes?.some((end) => name.value.trim().toLowerCase().endsWith(end)) ?? true;
      return ends && /^(\{out\})?[A-Za-z0-9._-]+$/.test(name.value.trim()) ? null
        : `must be a bare name${option.suffixes ? ` that ends with ${option.suffixes.join(" or ")}` : ""}`;
    },
    focus: () => (isSwitched ? wanted : name).focus(),
  };
}

function commandLineOnly(option, tools) {
  return {
    element: make("p", { class: "note", id: tools.id }, "A file that only the command line and Python can name."),
    get: () => undefined,
    set: () => {},
    problem: () => null,
    focus: () => {},
  };
}

/* What is drawn on a picture */

/**
 * A value that is drawn, or typed as `written`: holds the workbench's handle once there is one.
 * `kind` is the workbench's; `toWorkbench` and `fromWorkbench` translate the value of an edit.
 */
class Drawn {
  constructor(kind, option, tools, { toWorkbench = (value) => value, onchange = () => {} } = {}) {
    Object.assign(this, { kind, option, tools, toWorkbench, onchange });
    this.handle = null;
    this.written = undefined;
  }

  /** Begins to draw, or goes on with it. Says so if there is no picture to draw on. */
  start(on = this.tools.subject(this.kind)) {
    if (!on) {
      this.tools.complain("open a picture first");
      return;
    }
    if (this.handle && this.handle.picture.id !== on.id && !hasValue(this.handle.value)) this.clear();
    this.handle ??= this.tools.workbench.edit(this.kind, this.toWorkbench(this.written) ?? null, {
      label: this.tools.label, on,
      propose: this.tools.propose,
      onchange: () => { this.onchange(); this.tools.changed(); },
    });
    this.handle.activate();
    this.onchange();
  }

  /** Takes what is drawn away. */
  clear() {
    this.handle?.stop();
    this.handle = null;
    this.written = undefined;
    this.onchange();
  }

  /** Sets the value as an edit holds it. */
  write(value) {
    this.written = value;
    this.handle?.set(this.toWorkbench(value) ?? null);
  }

  /** The value so far; what isn't uploaded yet stands for itself. */
  get value() {
    return this.handle ? this.handle.value ?? undefined : this.written;
  }

  /** Uploads what is drawn; the value as an edit holds it. */
  async ready() {
    return this.handle ? (await this.handle.ready()) ?? undefined : this.written;
  }
}

/** Whether a value of the workbench says anything. */
function hasValue(value) {
  if (Array.isArray(value)) return value.length > 0;
  return value !== null && value !== undefined && (typeof value !== "object" || !("left" in value) || Object.values(value).some(Boolean));
}

const isBox = (value) => typeof value === "string" && value.includes(",");

function drawnControl(option, tools) {
  const isRegion = option.kind === "region";
  const input = make("input", {
    type: "text", autocomplete: "off", spellcheck: false,
    placeholder: `${tools.isTyped ? "" : "or "}${isRegion ? "a box X,Y,W,H" : "X,Y"}`, ...naming(tools),
  });
  const state = make("span", { class: "drawn-state" });
  const clear = button("Clear", () => { drawn.clear(); input.value = ""; show(); tools.changed(); }, {
    class: "quiet", "aria-label": `Clear ${tools.label}`,
  });
  const draw = button(isRegion ? "Draw" : "Place", () => drawn.start(), {
    class: "draw", "aria-label": `${isRegion ? "Draw" : "Place"} ${tools.label} on the picture`,
  });
  const show = () => {
    const value = drawn.value;
    const text = typeof value === "string" ? value : undefined;
    const isMask = value !== undefined && (typeof value !== "string" || (isRegion && !isBox(value)));
    if (document.activeElement !== input) input.value = text && !isMask ? text : "";
    const where = drawn.handle ? ` on ${drawn.handle.picture.name}` : "";
    state.textContent = isMask ? `painted${where}` : value === undefined || tools.isTyped ? "" : `set${where}`;
    clear.hidden = value === undefined;
  };
  const drawn = new Drawn(option.kind, option, tools, {
    toWorkbench: (value) => (isRegion && typeof value === "string" && !isBox(value) ? { mask: value } : value),
    onchange: () => show(),
  });
  input.addEventListener("input", () => {
    const text = input.value.replaceAll(" ", "");
    if (text === "" || !problemOf(text)) drawn.write(text || undefined);
    else drawn.written = text;
    show();
    tools.changed();
  });
  const box = /^[0-9.]+%?(,[0-9.]+%?){3}$/;
  const problemOf = (text) => ((isRegion ? box : PATTERNS.point[0]).test(text) ? null : `must be ${option.words}`);
  show();
  return {
    element: make("div", { class: "drawn" }, !tools.isTyped && draw, input, state, clear),
    get: () => drawn.value,
    ready: () => drawn.ready(),
    set: (value) => { drawn.write(value ?? undefined); show(); },
    problem: () => {
      const text = input.value.replaceAll(" ", "");
      return text ? problemOf(text) : null;
    },
    focus: () => (tools.isTyped ? input : draw).focus(),
    start: () => drawn.start(),
    stop: () => drawn.clear(),
  };
}

function sizeControl(option, tools) {
  const text = textControl(option, { ...tools, changed: () => { drawn.write(text.get()); tools.changed(); } });
  const drawn = new Drawn("size", option, tools, {
    onchange: () => { if (drawn.handle) text.set(drawn.value); },
  });
  const drag = button("Drag", () => { drawn.written = text.get(); drawn.start(); }, {
    class: "draw", "aria-label": `Drag ${tools.label} at the picture's edges`,
  });
  return {
    ...text,
    element: make("div", { class: "drawn" }, drag, text.element),
    set: (value) => { text.set(value); drawn.write(value ?? undefined); },
    start: () => { drawn.written = text.get(); drawn.start(); },
    stop: () => drawn.clear(),
  };
}

/** A colour in words or figures, and beside it one to be picked. */
function colourControl(option, tools) {
  const text = textControl(option, { ...tools, changed: () => { show(); tools.changed(); } });
  const picked = make("input", {
    type: "color", "aria-label": `Pick ${tools.label}`,
    oninput: () => { text.set(picked.value); tools.changed(); },
  });
  const show = () => {
    if (/^#[0-9a-f]{6}$/i.test(text.get() ?? "")) picked.value = text.get();
  };
  return {
    ...text,
    element: make("div", { class: "drawn" }, text.element, picked),
    set: (value) => { text.set(value); show(); },
  };
}

/** Whether a picture is a mask: its help then says what is white in it. */
function isMask({ help }) {
  return /\b(white|mask)\b/.test(help);
}

/** Uploads a mask of the size of `picture` that is white in the box "x,y,w,h" → its id. */
async function maskOf(box, { width, height, name }) {
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext("2d");
  context.fillRect(0, 0, width, height);
  context.fillStyle = "white";
  context.fillRect(...box.split(",").map(Number));
  const file = await canvas.convertToBlob();
  return (await upload(file, `${name.replace(/\.[^.]*$/, "")}-mask.png`)).id;
}

/** Pictures that are open, one to be opened, or one that is made here of the current one. */
function pictureControl(option, tools) {
  const image = make("img", { alt: "", class: "thumb", width: 56, height: 56 });
  const select = make("select", naming(tools));
  const made = Object.fromEntries(["place", "sketch", "region"].map((kind) =>
    [kind, new Drawn(kind, option, tools, { onchange: () => show() })]));
  let making = null;
  let chosen;

  const show = () => {
    const { pictures } = tools;
    const known = [...pictures.open()];
    const own = chosen && pictures.known(chosen);
    if (own && !known.some(({ id }) => id === own.id)) known.push(own);
    const items = known.map(({ id, name, width, height }) =>
      make("option", { value: id }, `${name} (${width} × ${height})`));
    if (chosen && !own) items.push(make("option", { value: chosen }, "a picture"));
    const none = make("option", { value: "" }, known.length ? "choose a picture…" : "no picture is open");
    const words = { place: "placed together on", sketch: "painted on", region: "mask drawn on" };
    const here = making && make("option", { value: making },
      `${words[making]} ${made[making].handle?.picture.name ?? "the picture"}`);
    fill(select, none, here, items);
    select.value = making ?? chosen ?? "";
    image.hidden = making !== null || !own;
    const source = own ? pictures.thumbnail(own) : "";
    if (source && image.getAttribute("src") !== source) image.src = source;
  };
  const choose = (id, byHand = true) => {
    if (making && id !== making) {
      made[making].clear();
      making = null;
    }
    chosen = making ? undefined : id || undefined;
    if (chosen) tools.pictures.learn(chosen).then(show, (error) => tools.complain(error.message));
    show();
    if (byHand) tools.changed({ byHand: true });
  };
  const start = (kind) => {
    if (!tools.subject()) {
      tools.complain("open a picture first");
      return;
    }
    if (making && making !== kind) made[making].clear();
    // A composite that was made here comes apart again, on its own background.
    const from = kind === "place" && chosen ? madeOf(chosen) : null;
    const ground = from ? tools.pictures.known(from.background) : undefined;
    if (ground) made.place.written = { picture: chosen };
    making = kind;
    chosen = undefined;
    made[kind].start(ground);
    show();
    tools.changed({ byHand: true });
  };
  select.addEventListener("change", () => choose(select.value));
  const open = button("Open…", async () => {
    try {
      const picture = await tools.workbench.choose();
      if (picture) take(picture);
    } catch (error) {
      tools.complain(error.message);
    }
  }, { class: "way", "aria-label": `Open a picture for ${tools.label}` });
  const take = (picture) => {
    tools.workbench.open(picture, { show: tools.isSubject });
    choose(picture.id);
  };
  // What stands in place of a picture that is made here is a picture as it is.
  const ways = tools.isSubject || tools.isAlternative ? [] : isMask(option) ? [
    button("Draw it…", () => start("region"), { class: "way", title: "Draw it on the picture", "aria-label": `Draw ${tools.label} on the picture` }),
  ] : [
    button("Place things…", () => start("place"), { class: "way", title: "Put cut-outs onto the picture", "aria-label": `Place things for ${tools.label}` }),
    button("Paint…", () => start("sketch"), { class: "way", title: "Paint over the picture", "aria-label": `Paint ${tools.label}` }),
  ];
  const element = make("div", { class: "picture-control" }, image,
    make("div", { class: "picture-choice" }, select, make("div", { class: "ways" }, open, ways)));
  element.addEventListener("dragover", (event) => { event.preventDefault(); event.stopPropagation(); });
  element.addEventListener("drop", async (event) => {
    event.preventDefault();
    event.stopPropagation();
    const [file] = event.dataTransfer.files;
    if (!file) return;
    try {
      take(await tools.workbench.upload(file, { show: tools.isSubject }));
    } catch (error) {
      tools.complain(error.message);
    }
  });
  tools.pictures.addEventListener("change", show);
  show();
  return {
    element,
    get: () => (making ? made[making].value ?? undefined : chosen),
    /** What is made here lies on this picture; null if nothing is. */
    get madeOn() { return (making && made[making].handle?.picture) ?? null; },
    ready: async () => {
      if (!making) return chosen;
      const value = await made[making].ready();
      return isBox(value) ? maskOf(value, made[making].handle.picture) : value;
    },
    set: (value) => choose(value ?? "", false),
    problem: () => null,
    focus: () => select.focus(),
    /** Goes on with what was placed for it; whether something was. */
    resume: () => {
      const subject = tools.subject();
      const isThere = chosen ? tools.pictures.known(madeOf(chosen)?.background) : subject && placedOn(subject.id);
      if (making || !isThere) return false;
      start("place");
      return true;
    },
    stop: () => {
      tools.pictures.removeEventListener("change", show);
      Object.values(made).forEach((drawn) => drawn.clear());
    },
  };
}

/* Several values */

/** A control for an option that may be given several times. */
export function listControl(option, tools) {
  const rows = [];
  const list = make("div", { class: "list", role: "group", "aria-label": tools.label });
  const add = button(`Add ${option.kind === "picture" ? "a picture" : "another"}`, () => {
    const row = append();
    row.control.focus();
    tools.changed({ byHand: true });
  }, { class: "quiet add" });
  const append = (value) => {
    const control = controlFor(option, {
      ...tools, ariaLabel: `${tools.label} ${rows.length + 1}`, id: rows.length ? freshId("value") : tools.id,
    });
    const remove = button("×", () => {
      rows.splice(rows.indexOf(row), 1);
      control.stop?.();
      row.element.remove();
      if (!rows.length) append();
      tools.changed({ byHand: true });
    }, { class: "quiet remove", "aria-label": `Remove this ${tools.label}` });
    const row = { control, element: make("div", { class: "list-row" }, control.element, remove) };
    rows.push(row);
    list.append(row.element);
    if (value !== undefined) control.set(value);
    return row;
  };
  const packed = (values) => {
    const given = values.filter((value) => value !== undefined);
    return given.length > 1 ? given : given[0];
  };
  const set = (value) => {
    for (const row of rows.splice(0)) {
      row.control.stop?.();
      row.element.remove();
    }
    const values = value === undefined || value === null ? [] : [value].flat();
    for (const one of values.length ? values : [undefined]) append(one);
  };
  set(undefined);
  return {
    element: make("div", {}, list, add),
    get: () => packed(rows.map(({ control }) => control.get())),
    ready: async () => packed(await Promise.all(rows.map(({ control }) => readyOf(control)))),
    set,
    problem: () => rows.map(({ control }) => control.problem()).find(Boolean) ?? null,
    focus: () => rows[0].control.focus(),
    start: () => rows[0].control.start?.(),
    stop: () => rows.forEach(({ control }) => control.stop?.()),
  };
}

/** The value of a control for an edit: what is drawn is uploaded. */
export async function readyOf(control) {
  return control.ready ? control.ready() : control.get();
}

export { Drawn, same };
