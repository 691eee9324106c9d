/** Light or dark: as the system has it, or as the person chose. */

import { icon } from "./icons.js";

const KEY = "theme";
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const button = document.getElementById("theme");

function shown() {
  return document.documentElement.dataset.theme ?? (dark.matches ? "dark" : "light");
}

function show() {
  const chosen = localStorage.getItem(KEY);
  if (chosen) document.documentElement.dataset.theme = chosen;
  const other = shown() === "dark" ? "light" : "dark";
  button.replaceChildren(icon(other === "dark" ? "moon" : "sun"));
  button.setAttribute("aria-label", other === "dark" ? "Dark colours" : "Light colours");
  button.title = button.getAttribute("aria-label");
}

button.addEventListener("click", () => {
  localStorage.setItem(KEY, shown() === "dark" ? "light" : "dark");
  show();
});
dark.addEventListener("change", show);
show();
