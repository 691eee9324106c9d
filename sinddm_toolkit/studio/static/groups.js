// Options that belong together: values that each follow one of another option's (`follows`), and
// four lengths at the sides of a picture.

import { controlFor, Drawn, listControl, readyOf } from "./controls.js";
import { button, freshId, inWords, make } from "./elements.js";

/**
 * A control for an option that is given many times and for those that follow it: a row for each of
 * its values, with lists of what belongs to it. `get` and `set` take and give
 * `{leader: [value…], follower: [[value…], …]}`.
 */
export function groupControl(leader, followers, tools) {
  const rows = [];
  const list = make("div", { class: "group-rows" });
  const target = followers.find((option) => option.kind === "region");
  const drawn = leader.kind === "region" && target ? new Drawn("regions", leader, tools, {
    onchange: () => { if (drawn.handle && !pushing) pull(); },
  }) : null;
  let pushing = false;
  let pulling = false;
  const numbered = () => rows.forEach((row, k) => {
    row.title.textContent = rows.length > 1 ? `${inWords(leader.name)} ${k + 1}` : inWords(leader.name);
  });
  const append = () => {
    const changed = (how) => { push(); tools.changed(how); };
    const single = { ...tools, changed, isTyped: drawn !== null, id: rows.length ? freshId("value") : tools.id };
    const control = controlFor(leader, { ...single, ariaLabel: `${inWords(leader.name)} ${rows.length + 1}` });
    const lists = followers.map((option) => {
      const label = inWords(option.name);
      return { option, control: listControl(option, { ...single, label, id: freshId("value") }) };
    });
    const remove = button("Remove", () => {
      rows.splice(rows.indexOf(row), 1);
      stop(row);
      row.element.remove();
      if (!rows.length) append();
      numbered();
      changed({ byHand: true });
    }, { class: "quiet" });
    const title = make("legend", {});
    const row = {
      control, lists, title,
      element: make("fieldset", { class: "group-row" }, title, control.element,
        lists.map(({ option, control: each }) => (option.required
          ? make("div", { class: "follower" }, make("span", { class: "follower-label" }, inWords(option.name)), each.element)
          : make("details", { class: "follower" }, make("summary", {}, inWords(option.name)), each.element))),
        remove),
    };
    rows.push(row);
    list.append(row.element);
    numbered();
    return row;
  };
  const stop = ({ control, lists }) => {
    control.stop?.();
    lists.forEach(({ control: each }) => each.stop?.());
  };


  /** What is typed goes onto the picture. */
  function push() {
    if (!drawn?.handle || pulling) return;
    pushing = true;
    drawn.handle.set(asRegions());
    pushing = false;
  }

  const asRegions = () => rows
    .map(({ control, lists }) => ({
      source: control.get(),
      targets: [lists.find(({ option }) => option === target).control.get() ?? []].flat(),
    }))
    .filter(({ source }) => typeof source === "string" && source.includes(","));

  /** What is drawn goes into the rows. */
  function pull() {
    pulling = true;
    const regions = drawn.handle.value ?? [];
    while (rows.length > Math.max(1, regions.length)) {
      const row = rows.pop();
      stop(row);
      row.element.remove();
    }
    while (rows.length < regions.length) append();
    rows.forEach((row, k) => {
      row.control.set(regions[k]?.source);
      row.lists.find(({ option }) => option === target).control.set(regions[k]?.targets);
    });
    numbered();
    pulling = false;
  }

  const nameOf = [leader.name, ...followers.map(({ name }) => name)];
  const values = (of) => {
    const leaders = rows.map(({ control }) => of(control));
    return [leaders, ...followers.map((_, k) => rows.map(({ lists }) => of(lists[k].control)))];
  };
  const packed = ([leaders, ...others]) => {
    const kept = leaders.map((value, k) => [value, k]).filter(([value]) => value !== undefined);
    const found = {};
    if (kept.length) found[nameOf[0]] = kept.map(([value]) => value);
    others.forEach((column, k) => {
      const lists = kept.map(([, row]) => (column[row] === undefined ? [] : [column[row]].flat()));
      if (lists.some((one) => one.length)) found[nameOf[k + 1]] = lists;
    });
    return found;
  };
  append();
  return {
    element: make("div", {},
      drawn && button("Draw on the picture", () => { drawn.written = asRegions(); drawn.start(); }, { class: "draw", id: freshId("draw") }),
      list,
      button(`Add ${inWords(leader.name).toLowerCase()}`, () => { append().control.focus(); push(); }, { class: "quiet add" })),
    get: () => packed(values((control) => control.get())),
    ready: async () => {
      const columns = values(readyOf);
      return packed(await Promise.all(columns.map((column) => Promise.all(column))));
    },
    set: (value) => {
      for (const row of rows.splice(0)) {
        stop(row);
        row.element.remove();
      }
      const leaders = [value?.[nameOf[0]] ?? []].flat();
      for (const [k] of (leaders.length ? leaders : [0]).entries()) {
        const row = append();
        row.control.set(leaders[k]);
        row.lists.forEach(({ option, control }) => control.set(grouped(value?.[option.name], leaders.length)[k]));
      }
      push();
    },
    problem: () => rows
      .flatMap(({ control, lists }) => [control, ...lists.map((each) => each.control)])
      .map((control) => control.problem()).find(Boolean) ?? null,
    focus: () => rows[0].control.focus(),
    start: () => { if (drawn) { drawn.written = asRegions(); drawn.start(); } },
    stop: () => { drawn?.clear(); rows.forEach(stop); },
  };
}

/** The values of a follower as lists, one for each of so many leaders. */
function grouped(value, count) {
  if (value === undefined || value === null) return [];
  const values = [value].flat(1);
  return count > 1 || Array.isArray(values[0]) ? values : [values];
}

export const SIDES = ["left", "right", "top", "bottom"];

/** Whether the options have a length for each side of a picture. */
export function hasSides(options) {
  return SIDES.every((side) => options.some(({ name, kind }) => name === side && kind === "length"));
}

/** A button that lets the sides be dragged, for the fields of the four lengths by name. */
export function sidesControl(fields, tools) {
  const drawn = new Drawn("edges", null, tools, {
    onchange: () => {
      if (!drawn.handle) return;
      for (const side of SIDES) {
        const pixels = drawn.value?.[side] ?? 0;
        fields.get(side).put(pixels ? String(pixels) : undefined);
      }
    },
  });
  const written = () => {
    const { width, height } = tools.subject() ?? { width: 0, height: 0 };
    const pixels = (side, of) => {
      const text = String(fields.get(side).control.get() ?? "0");
      const number = parseFloat(text) || 0;
      return Math.round(text.endsWith("%") ? (number / 100) * of : number);
    };
    return { left: pixels("left", width), right: pixels("right", width),
      top: pixels("top", height), bottom: pixels("bottom", height) };
  };
  const start = () => { drawn.written = written(); drawn.start(); };
  return {
    element: button("Drag the picture's edges", start, { class: "draw" }),
    start,
    /** What was typed goes onto the picture. */
    push: () => { if (drawn.handle) drawn.write(written()); },
    stop: () => drawn.clear(),
  };
}

