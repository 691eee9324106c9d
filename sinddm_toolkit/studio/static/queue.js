// What is being made and what waits for it.

import { curve } from "./curve.js";
import { OVER } from "./edits.js";
import { announce, button, fill, lasting, make, notice, say, sentence } from "./elements.js";
import { titleOf } from "./results.js";

const ANNOUNCED_EVERY = 15000;
const DIFFERS = "How much of the picture is not learnt yet: the line falls as long as more of it is.";

/** Cards of the edits that run or wait, first the one that runs; each shows how far it is. */
export function queuePanel(edits) {
  const place = make("div", { class: "queue", role: "group", "aria-label": "Being made" });
  const cards = new Map();
  // Those that wait go first, so that none begins in between.
  const all = button("Cancel all", async () => {
    const open = edits.newest().filter(({ state }) => !OVER.has(state));
    open.sort((a, b) => Number(a.state === "running") - Number(b.state === "running"));
    try {
      for (const { id } of open) await edits.cancel(id);
    } catch (error) {
      notice(error.message);
    }
  }, { class: "quiet cancel-all" });
  const show = () => {
    const open = edits.newest().filter(({ state }) => !OVER.has(state)).reverse();
    open.sort((a, b) => Number(b.state === "running") - Number(a.state === "running"));
    for (const [id, card] of cards) {
      if (!open.some((edit) => edit.id === id)) {
        cards.delete(id);
        over(edits.all.get(id));
        card.element.remove();
      }
    }
    for (const edit of open) {
      if (!cards.has(edit.id)) cards.set(edit.id, queueCard(edit, edits));
      cards.get(edit.id).show();
    }
    all.hidden = open.length < 2;
    fill(place, all, open.map(({ id }) => cards.get(id).element));
  };
  edits.addEventListener("list", show);
  edits.addEventListener("progress", ({ detail }) => cards.get(detail)?.show());
  show();
  return place;
}

function over(edit) {
  if (!edit) return;
  const how = { done: "is done", failed: `failed: ${edit.error}`, cancelled: "was cancelled" }[edit.state];
  announce(`${titleOf(edit)} ${how}`);
}

function queueCard({ id }, edits) {
  const title = make("h3", {});
  const text = make("p", { class: "progress-text" });
  const bar = make("progress", { max: 1, "aria-label": "Progress" });
  const drawing = make("div", { class: "curve-frame" });
  const forming = make("div", { class: "forming" });
  const cancel = button("Cancel", async () => {
    cancel.disabled = true;
    try {
      await edits.cancel(id);
    } catch (error) {
      notice(error.message);
    }
    cancel.disabled = false;
  });
  let announced = 0;
  const show = () => {
    const edit = edits.all.get(id);
    if (!edit) return;
    const { told, errors, shown, part } = edits.course(id);
    const isRunning = edit.state === "running";
    title.textContent = titleOf(edit);
    cancel.setAttribute("aria-label", `Cancel ${title.textContent}`);
    text.textContent = isRunning ? progressText(told, errors.length > 0) : waitingText(edit);
    bar.hidden = !isRunning;
    element.classList.toggle("waiting", !isRunning);
    if (told?.steps && told.done < told.steps) bar.value = told.done / told.steps;
    else bar.removeAttribute("value");
    const hasCurve = isRunning && errors.length > 1;
    drawing.hidden = !hasCurve;
    if (hasCurve) fill(drawing, curve(errors, told.steps), make("span", { title: DIFFERS }, `still differs by ${errors.at(-1)[1].toPrecision(2)}`));
    pictures(forming, isRunning ? shown : [], part);
    if (isRunning && told && Date.now() - announced > ANNOUNCED_EVERY) {
      announced = Date.now();
      say(text.textContent);
    }
  };
  const element = make("article", { class: "queue-card", "data-edit": id },
    make("header", {}, title, cancel),
    make("div", { class: "queue-body" }, forming, make("div", { class: "progress-lines" }, text, bar, drawing)));
  return { element, show };
}

function pictures(place, shown, part) {
  place.hidden = !shown.length;
  while (place.children.length > shown.length) place.lastChild.remove();
  shown.forEach((source, k) => {
    const image = place.children[k] ?? place.appendChild(make("img", {}));
    image.src = source;
    image.alt = `the picture as it forms${part ? `: ${part}` : ""}`;
  });
}

/**
 * How far an edit is, in words: "Learning forest: 40 %, about 20 s left; then the picture is made".
 * The end of what is told of need not be the end of all.
 */
function progressText(told, isLearning) {
  if (!told) return "Beginning…";
  const { what, done, steps, detail, left } = told;
  if (steps && done >= steps) return `${sentence(what)}: done, ${isLearning ? "now the picture is made" : "going on"}…`;
  const share = steps ? `${Math.floor((100 * done) / steps)} %` : "";
  const time = left === null || left === undefined ? "" : left < 1 ? "nearly done" : `about ${lasting(left)} left`;
  const after = isLearning ? "; then the picture is made" : "";
  return `${sentence(what)}: ${[share, detail, time].filter(Boolean).join(", ")}${after}`;
}

function waitingText({ position }) {
  return position > 1 ? `Waits, ${position - 1} before it` : "Waits for its turn";
}
