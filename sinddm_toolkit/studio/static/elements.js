// Small helpers to build the page. Everything shown is text or a property: never HTML.

/**
 * An element with properties and children. `class`, `role`, `for`, `data-…` and `aria-…` are
 * attributes, `on…` are listeners, all else are properties. Children are nodes or texts; null and
 * false are left out.
 */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (/^(class|role|for|list|(data|aria)-.*)$/.test(name)) element.setAttribute(name, value);
    else element[name] = value;
  }
  element.append(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return element;
}

/** Replaces what is in `parent`. */
export function fill(parent, ...children) {
  parent.replaceChildren(...children.flat().filter((child) => child !== null && child !== false && child !== undefined));
  return parent;
}

/** A button that does `act`; `properties` as for `make`. */
export function button(text, act, properties = {}) {
  return make("button", { type: "button", onclick: act, ...properties }, text);
}

let counted = 0;

/** An id that no other element has. */
export function freshId(stem) {
  counted += 1;
  return `${stem}-${counted}`;
}

const SPELT = { bg: "background", fps: "frames a second", samples: "variants" };

/** `start_scale` as people read it: "Start scale". */
export function inWords(name) {
  const words = SPELT[name] ?? name.replaceAll(/[_-]/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** The first letter large, as at the beginning of a sentence. */
export function sentence(text) {
  return text ? text.charAt(0).toUpperCase() + text.slice(1) : "";
}

/** Seconds as people say them: "40 s", "3 min", "2 h 5 min". */
export function lasting(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 90) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** Opens a modal dialog with a title and `parts`, focus within, gone when it is closed. */
export function dialog(title, ...parts) {
  const id = freshId("dialog");
  const close = button("Close", () => box.close(), { class: "quiet" });
  const box = make(
    "dialog",
    { class: "panel-dialog", "aria-labelledby": id, onclose: () => box.remove() },
    make("header", {}, make("h2", { id }, title), close),
    ...parts,
  );
  document.body.append(box);
  box.showModal();
  return box;
}

/** Says `text` to screen readers only. */
export function say(text) {
  document.getElementById("announcer").textContent = text;
}

/** Says `text`, and shows it for a moment. */
export function announce(text) {
  say(text);
  document.querySelector(".toast")?.remove();
  const toast = make("div", { class: "toast", "aria-hidden": "true" }, text);
  // Over the picture, where it hides no result; an open dialog lies above all else.
  (document.querySelector("dialog[open]") ?? document.getElementById("view")).append(toast);
  setTimeout(() => toast.remove(), 4000);
}

/** Shows what went wrong until it is put away. */
export function notice(text) {
  const away = button("×", () => box.remove(), { class: "quiet", "aria-label": "Put away" });
  const box = make("div", { class: "notice" }, make("span", {}, text), away);
  const notices = document.getElementById("notices");
  for (const same of [...notices.children].filter((one) => one.textContent === box.textContent)) same.remove();
  notices.append(box);
}
