// All that was made, newest first, and a search in it.

import { OVER } from "./edits.js";
import { button, make, notice } from "./elements.js";
import { resultCard } from "./results.js";
import { sweepCard } from "./sweep.js";

const SEARCH_AFTER = 250;

/** The history as a list of cards; `studio` as for cards of results. */
export function historyPanel(studio) {
  const { edits } = studio;
  const search = make("input", { type: "search", placeholder: "Search in what was made", "aria-label": "Search in what was made" });
  const list = make("div", { class: "history" });
  const none = make("p", { class: "note" });
  const hidden = make("span", {});
  const hiding = make("p", { class: "note hiding", role: "status", hidden: true }, hidden,
    button("Show all", () => { search.value = ""; search.focus(); look(); }, { class: "quiet" }));
  const cards = new Map();
  /** The ids of what the search finds, and of what was there when it was typed; null without one. */
  let found = null;
  let before = null;

  const show = () => {
    const items = grouped(edits.newest().filter(({ id }) => !found || found.has(id)));
    const kept = items.map(({ key, members }) => {
      const content = JSON.stringify(members);
      if (cards.get(key)?.content !== content) {
        const element = key.startsWith("group:") ? sweepCard(members, studio) : resultCard(members[0], studio);
        cards.set(key, { content, element });
      }
      return cards.get(key).element;
    });
    const keys = new Set(items.map(({ key }) => key));
    for (const key of cards.keys()) if (!keys.has(key) && !found) cards.delete(key);
    arrange(list, kept);
    none.hidden = kept.length > 0;
    none.textContent = found ? "Nothing that was made fits these words." : "What you make appears here, and stays.";
    const since = found ? edits.newest().filter(({ id, state }) => OVER.has(state) && !found.has(id) && !before.has(id)) : [];
    hiding.hidden = !since.length;
    hidden.textContent = since.length ? `${since.length} new, hidden by your search` : "";
  };

  let timer;
  let asked = 0;
  /** Asks anew what fits the words; what is answered too late counts no more. */
  const look = async () => {
    const words = search.value.trim();
    asked += 1;
    const own = asked;
    let fits = null;
    try {
      fits = words ? await edits.search(words) : null;
    } catch (error) {
      notice(error.message);
      return;
    }
    if (own !== asked) return;
    found = fits;
    if (!found) before = null;
    show();
  };
  search.addEventListener("input", () => {
    clearTimeout(timer);
    before = new Set(edits.newest().filter(({ state }) => OVER.has(state)).map(({ id }) => id));
    timer = setTimeout(look, SEARCH_AFTER);
  });
  edits.addEventListener("list", () => {
    show();
    if (found) look();
  });
  show();
  return make("section", { class: "history-panel", "aria-labelledby": "history-title" },
    make("header", { class: "shelf-head" }, make("h2", { id: "history-title" }, "Made here"), search, sizeButton()), hiding, none, list);
}

/** Gives the shelf more room, or less. */
function sizeButton() {
  const toggle = button("More room", () => {
    const isLarge = document.getElementById("shelf").classList.toggle("large");
    toggle.textContent = isLarge ? "Less room" : "More room";
    toggle.setAttribute("aria-expanded", String(isLarge));
  }, { class: "quiet shelf-size", "aria-expanded": "false", "aria-controls": "shelf" });
  return toggle;
}

/** Edits that are over; those of a sweep together, at the place of the newest. */
function grouped(newest) {
  const items = new Map();
  for (const edit of newest) {
    if (!edit.group && !OVER.has(edit.state)) continue;
    const key = edit.group ? `group:${edit.group}` : edit.id;
    if (!items.has(key)) items.set(key, { key, members: [] });
    items.get(key).members.push(edit);
  }
  return [...items.values()];
}

/** Puts `elements` into `place` in their order, without touching those that are in place: what is
 * focused or open stays so. */
function arrange(place, elements) {
  const wanted = new Set(elements);
  for (const child of [...place.children]) if (!wanted.has(child)) child.remove();
  elements.forEach((element, k) => {
    if (place.children[k] !== element) place.insertBefore(element, place.children[k] ?? null);
  });
}
