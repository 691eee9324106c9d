// All edits that the page knows: what was asked for, how far each is, and what came of it.

import * as api from "./api.js";

export const OVER = new Set(["done", "failed", "cancelled"]);

/**
 * The edits by their ids. Emits `list` when there are more or fewer or one is in another state, and
 * `progress` (`detail`: the id) while one is carried out; `lost` when the server does not answer any
 * more, and `here` when it does.
 */
export class Edits extends EventTarget {
  constructor(pictures) {
    super();
    this.pictures = pictures;
    this.all = new Map();
    this.courses = new Map();
    this.source = api.listen({
      state: (edit) => this.take(edit),
      progress: (told) => this.advance(told),
      preview: ({ id, part, pictures: shown }) => {
        Object.assign(this.course(id), { part, shown });
        this.tell("progress", id);
      },
      again: () => this.load().then(() => this.tell("here")),
      lost: () => this.tell("lost"),
    });
  }

  /** Asks the server for all that were made. */
  async load() {
    for (const edit of await api.get("edits?limit=200")) this.put(edit);
    this.tell("list");
  }

  /** Edits that what `words` say is in: the server looks into all, also those not shown. */
  async search(words) {
    const found = await api.get(`edits?limit=200&search=${encodeURIComponent(words)}`);
    for (const edit of found) this.put(edit);
    return new Set(found.map(({ id }) => id));
  }

  /** Newest first. */
  newest() {
    return [...this.all.values()].sort((a, b) => (a.created < b.created ? 1 : -1));
  }

  /** How one goes on: what it is at, errors so far, the pictures that form. */
  course(id) {
    if (!this.courses.has(id)) this.courses.set(id, { told: null, errors: [], shown: [], part: "" });
    return this.courses.get(id);
  }

  async begin(edit, group = null) {
    const made = await api.post("edits", group ? { ...edit, group } : edit);
    this.take(made);
    return made;
  }

  async cancel(id) {
    this.take(await api.post(`edits/${id}/cancel`));
  }

  async forget(id) {
    await api.remove(`edits/${id}`);
    this.drop(id);
  }

  drop(id) {
    if (this.all.delete(id)) this.tell("list");
  }

  take(edit) {
    if (edit.state === "deleted") this.drop(edit.id);
    else {
      this.put(edit);
      this.tell("list", edit.id);
    }
  }

  put(told) {
    // Made again, one of a sweep belongs to that no more.
    const { group, ...asked } = told.edit;
    const edit = { ...told, edit: asked };
    this.all.set(edit.id, edit);
    if (OVER.has(edit.state)) this.courses.delete(edit.id);
    for (const { picture } of [...(edit.results ?? []), ...(edit.extras ?? [])]) {
      if (picture) this.pictures.made.add(picture);
    }
  }

  advance(told) {
    const course = this.course(told.id);
    if (told.what !== course.told?.what) course.errors = [];
    course.told = told;
    if (told.error !== null && told.error !== undefined) course.errors.push([told.done, told.error]);
    this.tell("progress", told.id);
  }

  tell(kind, detail = null) {
    this.dispatchEvent(new CustomEvent(kind, { detail }));
  }
}

/** The values of an edit, one object a task, with its name. */
export function partsOf({ task, ...rest }) {
  if (!Array.isArray(task)) return [{ name: task, ...rest }];
  return task.map((part) => (typeof part === "string" ? { name: part } : part));
}
