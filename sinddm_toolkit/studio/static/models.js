// What was learnt of pictures, and how much room it takes.

import { get, remove } from "./api.js";
import { button, dialog, fill, make, notice } from "./elements.js";

/** Lists the models that are stored, each to be deleted. Refused if the server refuses. */
export async function modelsDialog() {
  const list = make("ul", { class: "models" });
  const show = async () => {
    const models = await get("models");
    fill(list, models.length ? models.map((model) => row(model, show)) : make("li", { class: "note" }, "Nothing is learnt yet."));
  };
  await show();
  dialog("What was learnt",
    make("p", { class: "note" }, "A picture that is known needs no training. What is deleted is learnt anew when it is needed."), list);
}

function row({ model, name, size, quality, updates, bytes, imported_from: source, in_training: training }, show) {
  const facts = [
    size && `${size[1]} × ${size[0]}`, quality, updates !== null && updates !== undefined && `${updates} updates`,
    source && "imported", training && "in training", bytes && `${(bytes / 1e6).toFixed(1)} MB`,
  ];
  const erase = button("Delete", async () => {
    try {
      await remove(`models/${model}`);
      await show();
    } catch (error) {
      notice(error.message);
    }
  }, { class: "quiet danger", "aria-label": `Delete what was learnt of ${name ?? model}` });
  return make("li", {}, make("div", {}, make("strong", {}, name ?? model), make("span", { class: "note" }, facts.filter(Boolean).join(" · "))), erase);
}
