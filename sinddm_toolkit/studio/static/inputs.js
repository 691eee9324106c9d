/** Sliders, numbers and choices of the tools; files of the person's. */

import { make } from "./elements.js";

/**
 * A slider with its number in words beside it. `shown` makes the words of a value; `onend` is
 * called when it is let go.
 */
export function slider(label, limits, oninput, onend = () => {}) {
  const { min, max, step = 1, value, shown = String, log = false } = limits;
  const to = (number) => (log ? Math.log(number) : number);
  const back = (number) => (log ? Math.exp(number) : number);
  const words = make("output", {}, shown(value));
  const input = make("input", {
    type: "range",
    min: to(min),
    max: to(max),
    step: log ? "any" : step,
    "aria-label": label,
    oninput: () => {
      const number = back(Number(input.value));
      words.textContent = shown(number);
      input.setAttribute("aria-valuetext", shown(number));
      oninput(number);
    },
    onchange: () => onend(),
  });
  input.value = String(to(value));
  input.setAttribute("aria-valuetext", shown(value));
  return make("label", { class: "slider" }, make("span", {}, label), input, words);
}

/** A field for a number; `onchange` gets it when it is one within the limits. */
export function number(label, { min, max, step = 1, value, unit = "" }, onchange) {
  const input = make("input", {
    type: "number",
    min,
    max,
    step,
    value,
    "aria-label": label,
    onchange: () => {
      if (input.value !== "" && input.checkValidity()) onchange(Number(input.value));
    },
  });
  return make("label", { class: "number" }, make("span", {}, label), input, unit);
}

/** One of several, as buttons side by side. */
export function choice(label, values, chosen, onchange) {
  const group = make("div", { class: "choice", role: "group", "aria-label": label });
  for (const [value, words] of values) {
    group.append(
      make(
        "button",
        {
          type: "button",
          "aria-pressed": String(value === chosen),
          onclick: () => {
            for (const other of group.children) other.setAttribute("aria-pressed", "false");
            group.children[values.findIndex(([one]) => one === value)].setAttribute(
              "aria-pressed",
              "true",
            );
            onchange(value);
          },
        },
        words,
      ),
    );
  }
  return group;
}

/** Lets the person choose files; an empty list if none. @returns {Promise<File[]>} */
export function chooseFiles({ accept = "image/*,.heic,.heif,.avif,.tif,.tiff", many = false } = {}) {
  return new Promise((resolve) => {
    const input = make("input", { type: "file", accept, multiple: many, class: "unseen" });
    input.addEventListener("change", () => done([...input.files]));
    input.addEventListener("cancel", () => done([]));
    const done = (files) => {
      input.remove();
      resolve(files);
    };
    document.body.append(input);
    input.click();
  });
}

/** Saves a Blob as a file of the person's. */
export function saveFile(blob, name) {
  const link = make("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}
