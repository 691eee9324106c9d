/**
 * What was placed on pictures, kept in this browser so that it can be moved again: the latest on
 * each background, and what each composite was made of.
 */

const KEPT = "studio-compositions";
const MOST = 200; // the oldest are forgotten

/** The layers placed last on the picture `id`, or null. */
export function placedOn(id) {
  return kept()[`on:${id}`]?.layers ?? null;
}

/** What the composite `id` was made of: `{background, layers}`, or null. */
export function madeOf(id) {
  return kept()[`of:${id}`] ?? null;
}

/** Keeps what lies on the picture `id`; no layers: nothing is kept of it. */
export function keepPlaced(id, layers) {
  keep(`on:${id}`, layers.length ? { layers } : null);
}

export function keepMade(id, background, layers) {
  keep(`of:${id}`, { background, layers });
}

function kept() {
  try {
    return JSON.parse(localStorage.getItem(KEPT)) ?? {};
  } catch {
    return {};
  }
}

function keep(key, value) {
  const { [key]: _, ...others } = kept();
  const all = Object.entries(value ? { ...others, [key]: value } : others);
  try {
    localStorage.setItem(KEPT, JSON.stringify(Object.fromEntries(all.slice(-MOST))));
  } catch {
    // no room or not allowed: what is placed is lost when it is left, nothing else
  }
}
