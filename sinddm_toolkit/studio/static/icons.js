/** Icons, and buttons that have one. */

import { make } from "./elements.js";

const SVG = "http://www.w3.org/2000/svg";

/** Paths on a field of 24 × 24, drawn as lines. */
const ICONS = {
  brush: "M20 4 10.5 13.5M14 7l3 3M10 13c-3 0-4 2-4 4s-1 3-3 3c2 1.5 9 1.5 9-4",
  eraser: "M9 20h11M4.5 15.5 14 6l5 5-8.5 9H9zM9.5 10.5l5 5",
  box: "M5 5h14v14H5z",
  lasso: "M12 4c5 0 9 2.5 9 6s-4 6-9 6-9-2.5-9-6 4-6 9-6zM8 15.5c-1 1.5-.5 3 1 4",
  fill: "M4 12l7-7 7 7-7 7zM4 12h14M20 15c1 2 1.5 2.5 1.5 3.5a1.5 1.5 0 0 1-3 0c0-1 .5-1.5 1.5-3.5z",
  select: "M5 19 14 10M14 4v3M14 13v3M8.5 10H11M17 10h3M18 6l-1.5 1.5M18 14l-1.5-1.5M10 6l1.5 1.5",
  pick: "M14 6l4 4M16 8l-8.5 8.5L4 20l3.5-.5M13 5l2-1.5c1.5-1 5.5 3 4.5 4.5L18 10z",
  undo: "M9 6 4 11l5 5M4 11h10a5 5 0 0 1 0 10h-3",
  redo: "M15 6l5 5-5 5M20 11H10a5 5 0 0 0 0 10h3",
  move: "M12 3v18M3 12h18M12 3l-2.5 2.5M12 3l2.5 2.5M12 21l-2.5-2.5M12 21l2.5-2.5M3 12l2.5-2.5M3 12l2.5 2.5M21 12l-2.5-2.5M21 12l-2.5 2.5",
  flip: "M12 3v18M9 7 3 18h6zM15 7l6 11h-6z",
  up: "M12 19V5M6 11l6-6 6 6",
  down: "M12 5v14M6 13l6 6 6-6",
  trash: "M5 7h14M9 7V4h6v3M7 7l1 13h8l1-13",
  plus: "M12 5v14M5 12h14",
  minus: "M5 12h14",
  fit: "M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5",
  repeat: "M4 4h7v7H4zM13 4h7v7h-7zM4 13h7v7H4zM13 13h7v7h-7z",
  before: "M14 6l-6 6 6 6",
  after: "M10 6l6 6-6 6",
  close: "M6 6l12 12M18 6 6 18",
  sun: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2",
  moon: "M20 14.5A8.5 8.5 0 1 1 9.5 4a7 7 0 0 0 10.5 10.5z",
  open: "M3 7h6l2 2h10v10H3zM3 7v12",
  load: "M12 15V4M8 8l4-4 4 4M4 15v5h16v-5",
  save: "M12 4v11M8 11l4 4 4-4M4 15v5h16v-5",
  invert: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 4v16M12 8h5M12 12h7.5M12 16h5",
  spark: "M12 3l2 6 6 2-6 2-2 6-2-6-6-2 6-2z",
};

/** The icon of that name, drawn with the colour of the text around it. */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 24 24");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("class", "icon");
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", ICONS[name]);
  svg.append(path);
  return svg;
}

/** A button with an icon, a label for all, and the label shown where `words` is true. */
export function iconButton(name, label, onclick, { words = false, key = null, pressed = null } = {}) {
  return make(
    "button",
    {
      type: "button",
      class: words ? "with-words" : "with-icon",
      title: key ? `${label} (${key})` : label,
      "aria-label": label,
      "aria-pressed": pressed === null ? null : String(pressed),
      onclick,
    },
    icon(name),
    words ? label : null,
  );
}
