// Where each value of an edit comes from: the page, a preset, or the default.

import { post } from "./api.js";
import { dialog, inWords, make } from "./elements.js";

/** Shows all values of the draft with their origins. Refused if the server refuses the edit. */
export async function explain(draft) {
  const rows = await post("explain", await draft.edit());
  dialog("Where each value comes from",
    make("p", { class: "note" }, "What is set on the page goes over presets, and presets over defaults."),
    make("div", { class: "table-frame", tabIndex: 0, role: "group", "aria-label": "Values" }, make("table", { class: "explained" },
      make("thead", {}, make("tr", {}, ["Option", "Value", "From"].map((text) => make("th", { scope: "col" }, text)))),
      make("tbody", {}, rows.map(({ option, value, from }) => make("tr", { "data-layer": layer(from) },
        make("th", { scope: "row" }, option.split(".").map(inWords).join(": ")), make("td", {}, shown(value)), make("td", {}, from)))))));
}

function layer(from) {
  if (from === "default" || from === "missing") return from;
  return from.startsWith("preset") ? "preset" : "given";
}

function shown(value) {
  if (value === null || value === undefined) return "–";
  return typeof value === "string" ? value : JSON.stringify(value);
}
