// The same edit with several values of one or two options, seen as a grid.

import { OVER, partsOf } from "./edits.js";
import { button, dialog, fill, inWords, make } from "./elements.js";
import { thumbnailOf } from "./pictures.js";
import { resultCard } from "./results.js";

const MOST = 64;
const SWEPT = new Set(["number", "whole", "switch", "text", "length", "size", "colour", "seconds", "name"]);
const NOT_SWEPT = new Set(["seed", "samples", "out", "overwrite", "sheet", "device"]);

/** Options of the draft whose values can be swept: `[{key, label, form, option}]`. */
function sweepable(draft) {
  const several = draft.forms.length > 1;
  return draft.all.flatMap((form) => form.list
    .filter(({ option, isGroup }) => SWEPT.has(option.kind) && !isGroup && !option.many && !NOT_SWEPT.has(option.name))
    .map(({ option }) => ({
      option, form,
      label: several && form.task ? `${inWords(form.task.name)}: ${inWords(option.name)}` : inWords(option.name),
    })));
}

/** Values that are worth a look: all choices, or some between the smallest and the largest. */
function suggested({ choices, kind, minimum, maximum, default: usual }) {
  if (choices) return choices.join(", ");
  if (kind === "switch") return "no, yes";
  if (minimum !== null && maximum !== null && maximum - minimum <= 1) {
    return [0, 0.25, 0.5, 0.75, 1].map((part) => Number((minimum + part * (maximum - minimum)).toPrecision(2))).join(", ");
  }
  if (typeof usual === "number" && usual > 0) {
    const values = [usual / 2, usual, usual * 2].map((value) => (kind === "whole" ? Math.round(value) : value));
    return [...new Set(values)].filter((value) => value >= (minimum ?? -Infinity) && value <= (maximum ?? Infinity)).join(", ");
  }
  return "";
}

/** The values that a line of them stands for. Error in words if one is not allowed. */
function valuesOf(line, option) {
  const texts = line.split(/[,;]/).map((text) => text.trim()).filter(Boolean);
  if (!texts.length) throw new Error(`${inWords(option.name)}: give some values, with commas between them`);
  return [...new Set(texts)].map((text) => {
    const value = valueOf(text, option);
    const isBad = value === undefined || (option.choices && !option.choices.includes(value))
      || (typeof value === "number" && (value < (option.minimum ?? -Infinity) || value > (option.maximum ?? Infinity)));
    if (isBad) throw new Error(`${inWords(option.name)}: ${text} must be ${option.words}`);
    return value;
  });
}

function valueOf(text, { kind }) {
  if (kind === "switch") return { yes: true, true: true, no: false, false: false }[text.toLowerCase()];
  if (kind !== "number" && kind !== "whole") return text;
  const value = Number(text);
  return Number.isNaN(value) || (kind === "whole" && !Number.isInteger(value)) ? undefined : value;
}

/** Asks which options to sweep, and begins the edits. `studio` as for cards of results. */
export function sweepDialog(studio) {
  const options = sweepable(studio.draft);
  const axes = [axis("Across", options, 0), axis("Down", options, null)];
  const complaint = make("p", { class: "complaint", role: "alert" });
  const count = make("p", { class: "note", "aria-live": "polite" });
  const chosen = () => axes.map((one) => one.get()).filter(Boolean);
  const number = () => chosen().reduce((product, { values }) => product * values.length, 1);
  const show = () => {
    complaint.textContent = "";
    try {
      count.textContent = `${number()} edits, all with the same seed. They share what is learnt.`;
    } catch (error) {
      count.textContent = "";
      complaint.textContent = error.message;
    }
  };
  for (const one of axes) one.element.addEventListener("input", show);
  const box = dialog("Sweep two options", make("form", {
    class: "stacked",
    onsubmit: async (event) => {
      event.preventDefault();
      try {
        const found = chosen();
        if (!found.length) throw new Error("choose an option");
        if (new Set(found.map(({ option, form }) => `${form.task?.name}.${option.name}`)).size < found.length) {
          throw new Error("choose two different options");
        }
        if (number() > MOST) throw new Error(`${number()} edits are too many: ${MOST} at most`);
        await begin(found, studio);
        box.close();
      } catch (error) {
        complaint.textContent = error.message;
      }
    },
  }, axes.map(({ element }) => element), count, complaint,
  make("button", { type: "submit", class: "primary" }, "Make them all")));
  show();
}

function axis(title, options, first) {
  const select = make("select", { "aria-label": `${title}: option` },
    first === null && make("option", { value: "" }, "nothing"),
    options.map(({ label }, k) => make("option", { value: String(k) }, label)));
  const values = make("input", { type: "text", "aria-label": `${title}: values`, autocomplete: "off" });
  const suggest = () => { values.value = select.value === "" ? "" : suggested(options[Number(select.value)].option); };
  select.addEventListener("change", suggest);
  suggest();
  return {
    element: make("fieldset", { class: "axis" }, make("legend", {}, title), select, values),
    get: () => {
      if (select.value === "") return null;
      const one = options[Number(select.value)];
      return { ...one, values: valuesOf(values.value, one.option) };
    },
  };
}

/** Begins an edit for each combination of values; all have one seed and one group. */
async function begin(axes, { draft, edits }) {
  const edit = await draft.edit();
  const seed = edit.seed ?? Math.floor(Math.random() * 2 ** 32);
  const group = `sweep-${Date.now().toString(36)}`;
  let all = [{ ...edit, seed }];
  // The first axis goes across: its values follow each other.
  for (const { option, form, values } of [...axes].reverse()) {
    all = all.flatMap((one) => values.map((value) => withValue(one, draft.forms.indexOf(form), option.name, value)));
  }
  for (const one of all) await edits.begin(one, group);
}

function withValue(edit, index, name, value) {
  if (index < 0 || !Array.isArray(edit.task)) return { ...edit, [name]: value };
  return { ...edit, task: edit.task.map((part, k) => (k === index ? { ...part, [name]: value } : part)) };
}

/* The grid */

/** What varies among edits in the order in which they were asked for: up to two `{key, values}`. The
 * first goes across: it is the one that varies from one edit to the next. */
function axesOf(edits) {
  const seen = new Map();
  for (const edit of edits) {
    for (const [key, value] of flat(edit.edit)) {
      if (!seen.has(key)) seen.set(key, new Map());
      seen.get(key).set(JSON.stringify(value), value);
    }
  }
  const found = [...seen].filter(([, values]) => values.size > 1).map(([key, values]) => ({ key, values: [...values.values()] }));
  const [first, second] = edits.map((edit) => new Map(flat(edit.edit)));
  const goesAcross = ({ key }) => Number(second !== undefined && JSON.stringify(first.get(key)) !== JSON.stringify(second.get(key)));
  return found.sort((a, b) => goesAcross(b) - goesAcross(a)).slice(0, 2);
}

function flat(edit) {
  const { task, ...rest } = edit;
  const parts = Array.isArray(task) ? task.flatMap((part, k) => Object.entries(part).map(([name, value]) => [`${k}.${name}`, value])) : [];
  return [...parts, ...Object.entries(rest).filter(([name]) => name !== "group")];
}

/** A card of all edits of a sweep, as a table; the chosen one's own card is beneath it. */
export function sweepCard(edits, studio) {
  const ordered = [...edits].sort((a, b) => (a.created < b.created ? -1 : 1));
  const [across, down] = axesOf(ordered);
  const below = make("div", {});
  const cell = (column, row) => ordered.find((edit) => {
    const values = new Map(flat(edit.edit));
    const matches = (axis, value) => !axis || JSON.stringify(values.get(axis.key)) === JSON.stringify(value);
    return matches(across, column) && matches(down, row);
  });
  const shown = (edit) => {
    if (!edit) return "–";
    if (!OVER.has(edit.state)) return make("span", { class: "cell-state" }, edit.state === "running" ? "being made" : "waits");
    const [result] = edit.results;
    const tile = button(result ? "" : edit.state, () => {
      for (const other of table.querySelectorAll("[aria-pressed]")) other.removeAttribute("aria-pressed");
      tile.setAttribute("aria-pressed", "true");
      fill(below, resultCard(edit, studio));
    }, { class: "variant" });
    if (result) tile.append(make("img", { src: thumbnailOf({ ...result, id: result.picture }), alt: labelOf(edit), loading: "lazy" }));
    return tile;
  };
  const labelOf = (edit) => {
    const values = new Map(flat(edit.edit));
    return [across, down].filter(Boolean).map(({ key }) => `${nameOf(key)} ${values.get(key)}`).join(", ");
  };
  const table = make("table", { class: "sweep" },
    make("caption", {}, [across, down].filter(Boolean).map(({ key }) => nameOf(key)).join(" across, ") + (down ? " down" : " across")),
    make("thead", {}, make("tr", {}, down ? make("td", {}) : null, (across?.values ?? [null]).map((value) => make("th", { scope: "col" }, String(value))))),
    make("tbody", {}, (down?.values ?? [null]).map((row) => make("tr", {},
      down && make("th", { scope: "row" }, String(row)),
      (across?.values ?? [null]).map((column) => make("td", {}, shown(cell(column, row))))))));
  return make("article", { class: "result-card sweep-card", "aria-label": "Sweep" },
    make("header", {}, make("h3", {}, `Sweep: ${partsOf(ordered[0].edit).map(({ name }) => inWords(name)).join(" + ")}`),
      make("span", { class: "when" }, `${ordered.filter(({ state }) => OVER.has(state)).length} of ${ordered.length}`)),
    make("div", { class: "table-frame", tabIndex: 0, role: "group", "aria-label": "Grid" }, table), below);
}

function nameOf(key) {
  return inWords(key.replace(/^[0-9]+\./, ""));
}
