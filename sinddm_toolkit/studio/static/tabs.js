/** The open pictures as tabs. */

import { make } from "./elements.js";
import { icon, iconButton } from "./icons.js";
import { tileAddress } from "./pictures.js";

const ENDING = 9; // letters of a name's end that are always seen: what tells results apart

export class Tabs {
  /** @param {{show: (id: string) => void, close: (id: string) => void}} acts */
  constructor(list, acts) {
    this.list = list;
    this.acts = acts;
    list.addEventListener("keydown", (event) => this._key(event));
    list.addEventListener("wheel", (event) => this._wheel(event), { passive: false });
    const arrow = (name, label, by) => {
      const button = iconButton(name, label, () => list.scrollBy({ left: by * 0.8 * list.clientWidth }));
      button.classList.add("tab-arrow");
      button.tabIndex = -1; // by keyboard the arrow keys go from tab to tab
      return button;
    };
    this.arrows = [arrow("before", "Earlier tabs", -1), arrow("after", "Later tabs", 1)];
    list.before(this.arrows[0]);
    list.after(this.arrows[1]);
    list.addEventListener("scroll", () => this._showArrows());
    new ResizeObserver(() => this._reveal()).observe(list);
  }

  show(pictures, current) {
    const focused = this.list.contains(document.activeElement);
    const numbers = numbered(pictures);
    this.list.replaceChildren(
      ...pictures.map((picture, i) => this._tab(picture, current, numbers[i])),
    );
    if (focused) this._chosen?.focus({ preventScroll: true });
    this._reveal();
  }

  get _chosen() {
    return this.list.querySelector("[aria-selected=true]");
  }

  /** The chosen tab is seen whole. */
  _reveal() {
    this._showArrows(); // first: they take room
    this._chosen?.scrollIntoView({ block: "nearest", inline: "nearest" });
    this._showArrows();
  }

  _showArrows() {
    const { scrollLeft, clientWidth, scrollWidth } = this.list;
    const room = this.arrows.reduce((sum, { offsetWidth }) => sum + offsetWidth, 0);
    const isFull = scrollWidth > clientWidth + room + 1;
    for (const arrow of this.arrows) arrow.hidden = !isFull;
    this.arrows[0].disabled = scrollLeft < 1;
    this.arrows[1].disabled = scrollLeft + clientWidth > scrollWidth - 1;
  }

  _wheel(event) {
    if (event.ctrlKey || this.list.scrollWidth <= this.list.clientWidth) return;
    this.list.scrollLeft += event.deltaX + event.deltaY;
    event.preventDefault();
  }

  /** `number` tells it from others of its name; null where there are none. */
  _tab(picture, current, number) {
    const { id } = picture;
    const name = number ? `${picture.name} (${number})` : picture.name;
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
        "aria-label": name,
        "aria-selected": String(id === current),
        "aria-controls": "view",
        tabIndex: id === current ? "0" : "-1",
        onclick: () => this.acts.show(id),
        onauxclick: (event) => event.button === 1 && this.acts.close(id),
      },
      make("img", { src: address, alt: "", width: 20, height: 20 }),
      make("span", { class: "name" }, name.slice(0, -ENDING)),
      make("span", { class: "ending" }, name.slice(-ENDING)),
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

/** For each picture its number among those of the same name, null if it is the only one. */
function numbered(pictures) {
  return pictures.map(({ name }, i) => {
    const isSame = (one) => one.name === name;
    if (pictures.filter(isSame).length < 2) return null;
    return pictures.slice(0, i + 1).filter(isSame).length;
  });
}
