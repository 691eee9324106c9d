// What is known of pictures: those that are open, and others that an edit names by their ids.

import { about as aboutOf, thumbnailOf } from "./pictures.js";

export class Pictures extends EventTarget {
  constructor(workbench) {
    super();
    this.workbench = workbench;
    this.abouts = new Map();
    /** The ids of results, which are looked at without becoming what is worked on. */
    this.made = new Set();
    for (const kind of ["open", "close", "change"]) {
      workbench.addEventListener(kind, () => this.dispatchEvent(new Event("change")));
    }
  }

  /** The open ones, in the order of their tabs. */
  open() {
    return this.workbench.pictures;
  }

  /** What is known of the picture `id`, or undefined. */
  known(id) {
    return this.open().find((about) => about.id === id) ?? this.abouts.get(id);
  }

  /** Asks the server about the picture `id` unless it is known. Refused if there is none. */
  async learn(id) {
    const found = this.known(id);
    if (found) return found;
    const about = await aboutOf(id);
    this.abouts.set(id, about);
    this.dispatchEvent(new Event("change"));
    return about;
  }

  /** The address of a small picture of one. */
  thumbnail(about) {
    return thumbnailOf(about);
  }
}
