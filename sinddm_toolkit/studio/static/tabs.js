/** The open pictures as tabs. */

import { make } from "./elements.js";
import { icon } from "./icons.js";
import { tileAddress } from "./pictures.js";

export class Tabs {
  /** @param {{show: (id: string) => void, close: (id: string) => void}} acts */
  constructor(list, acts) {
    this.list = list;
    this.acts = acts;
    list.addEventListener("keydown", (event) => this._key(event));
  }

  show(pictures, current) {
    const focused = this.list.contains(document.activeElement);
    this.list.replaceChildren(...pictures.map((picture) => this._tab(picture, current)));
    const chosen = this.list.querySelector("[aria-selected=true]");
    if (focused) chosen?.focus();
    chosen?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  _tab(picture, current) {
    const { id, name } = picture;
    const close = make("span", { class: "close", title: `Close ${name}` }, icon("close"));
    close.addEventListener("click", (event) => {
      event.stopPropagation();
      this.acts.close(id);
    });
    const address = tileAddress(id, picture.levels - 1, 0, 0);
    return make(
      "button",
      {
        type: "button",
        role: "tab",
        class: "tab",
        "data-id": id,
        title: `${name} (Delete closes)`,
        "aria-selected": String(id === current),
        "aria-controls": "view",
        tabIndex: id === current ? "0" : "-1",
        onclick: () => this.acts.show(id),
        onauxclick: (event) => event.button === 1 && this.acts.close(id),
      },
      make("img", { src: address, alt: "", width: 20, height: 20 }),
      make("span", { class: "name" }, name),
      close,
    );
  }

  /** Arrows go from tab to tab, Delete closes. */
  _key(event) {
    const tabs = [...this.list.children];
    const at = tabs.indexOf(document.activeElement);
    if (at < 0) return;
    const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (event.key === "Delete") this.acts.close(tabs[at].dataset.id);
    else if (tabs[to]) this.acts.show(tabs[to].dataset.id);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}
