// The page put together: beside the canvas the tasks and their options, beneath it what is made.

import { get } from "./api.js";
import { Draft } from "./draft.js";
import { Edits } from "./edits.js";
import { announce, button, make, notice, sentence } from "./elements.js";
import { explain } from "./explain.js";
import { historyPanel } from "./history.js";
import { Pictures } from "./known.js";
import { modelsDialog } from "./models.js";
import { Presets, presetsPanel } from "./presets.js";
import { queuePanel } from "./queue.js";
import { savePresetDialog, showWhenDone } from "./results.js";
import { sweepDialog } from "./sweep.js";
import { tasksPanel } from "./tasks.js";
import { workbench } from "./workbench.js";

async function begin() {
  const pictures = new Pictures(workbench);
  const presets = new Presets();
  const [tasks, runOptions] = await Promise.all([get("tasks"), get("run-options"), presets.load()]);
  const draft = new Draft(tasks, runOptions, workbench, pictures);
  const edits = new Edits(pictures);
  const studio = { workbench, pictures, draft, presets, edits, catalogue: draft.catalogue };
  studio.run = async (edit) => {
    showWhenDone(await edits.begin(edit), studio);
    announce("It is on its way");
    const shelf = document.getElementById("shelf");
    shelf.scrollTo({ top: 0 });
    shelf.scrollIntoView({ block: "nearest" });
  };

  document.getElementById("panel").append(
    make("div", { class: "panel-scroll" }, tasksPanel(draft, presets, presetsPanel(presets, draft))), goBar(studio));
  document.getElementById("shelf").append(queuePanel(edits), historyPanel(studio));

  document.getElementById("top-actions").append(button("Models", async () => {
    try {
      await modelsDialog();
    } catch (error) {
      notice(error.message);
    }
  }, { class: "quiet" }));
  const lost = make("p", { class: "lost", role: "alert", hidden: true },
    "The studio does not answer: is its command still running? What was asked for is kept.");
  document.getElementById("shelf").prepend(lost);
  edits.addEventListener("lost", () => { lost.hidden = false; });
  edits.addEventListener("here", () => { lost.hidden = true; });

  await restore(draft, presets);
}

/** What was being put together when the page was left. */
async function restore(draft, presets) {
  const kept = Draft.kept();
  if (!kept || !kept.task?.length) return;
  await draft.put(kept, presets.all);
  await draft.workbench.reopened;
  for (const form of draft.forms) form.resume();
}

/** The one button, what goes wrong, and what else can be done with what is put together. */
function goBar(studio) {
  const { draft } = studio;
  const complaint = make("p", { class: "complaint", role: "alert", id: "go-complaint" });
  const go = button("Make it", () => makeIt(), { class: "primary", id: "go", title: "Ctrl+Enter", "aria-describedby": "go-complaint" });
  const guarded = (act) => async () => {
    complaint.textContent = "";
    if (draft.wrong()) {
      draft.wrong().focus();
      complaint.textContent = "Something is missing or wrong above.";
      return;
    }
    go.disabled = true;
    go.textContent = "Checking…";
    try {
      await act();
    } catch (error) {
      if (!draft.blame(error)) complaint.textContent = sentence(error.message);
      else complaint.textContent = "The option above is refused.";
    } finally {
      go.disabled = false;
      go.textContent = "Make it";
    }
  };
  const makeIt = guarded(async () => {
    await studio.run(await draft.edit());
    draft.keep(); // what was drawn is uploaded now, and survives a reload
  });
  const bar = make("div", { class: "go-bar" }, complaint, make("div", { class: "go-row" }, go,
    button("Sweep…", guarded(async () => sweepDialog(studio)), { class: "quiet", title: "The same with several values of an option, side by side" }),
    button("Explain", guarded(() => explain(draft)), { class: "quiet", title: "All values, and where each comes from" }),
    button("Save as preset…", () => savePresetDialog(draft.soFar(), studio.presets), { class: "quiet", title: "Keep these settings under a name" })));
  const show = () => { bar.hidden = !draft.forms.length; };
  draft.addEventListener("tasks", show);
  draft.addEventListener("change", () => { complaint.textContent = ""; });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !bar.hidden && !document.querySelector("dialog[open]")) {
      event.preventDefault();
      makeIt();
    }
  });
  show();
  return bar;
}

begin().catch((error) => notice(error.message));
