/** Sketches: rough painting over a picture, in its own colours. */

import { post, upload } from "./api.js";
import { make, notice } from "./elements.js";
import { iconButton } from "./icons.js";
import { choice, slider } from "./inputs.js";
import { Painting } from "./paint.js";
import { palette, whole } from "./pictures.js";
import { png } from "./png.js";

const TOOLS = [
  { id: "brush", label: "Brush", key: "B", icon: "brush" },
  { id: "eraser", label: "Eraser", key: "E", icon: "eraser" },
  { id: "box", label: "Box", key: "M", icon: "box" },
  { id: "lasso", label: "Lasso", key: "L", icon: "lasso" },
  { id: "pick", label: "Take a colour from the picture", key: "I", icon: "pick" },
];
const PICKED_FROM = 2048; // the level that colours are picked from, its longest side

export class Sketch extends Painting {
  kind = "sketch";
  tools = TOOLS;
  keys = [
    ["[ ]", "A smaller or larger brush"],
    ["Shift", "A straight line from the last stroke"],
    ["Delete", "Clear"],
  ];

  constructor(view, picture, options) {
    super(view, picture, options, Uint32Array);
    this.paintColour = "#808080";
    this.colours = [];
    this._made = null;
    this._given = null;
    const paint = (sampler, pixels) => this._paint(sampler, pixels);
    this.painter = { raster: this.raster, paint };
    this._colours();
  }

  async _colours() {
    try {
      this.colours = await palette(this.picture.id);
      if (!this.version && !this._path) this.paintColour = this.colours[0] ?? this.paintColour;
      this.restated();
    } catch (error) {
      notice(error.message);
    }
  }

  get ink() {
    const [r, g, b] = [1, 3, 5].map((i) => parseInt(this.paintColour.slice(i, i + 2), 16));
    return (0xff000000 | (b << 16) | (g << 8) | r) >>> 0;
  }

  get value() {
    if (this._given?.version === this.version) return this._given.value;
    if (!this.raster.bounds()) return null;
    return { picture: this._made?.version === this.version ? this._made.id : null };
  }

  /** A picture that was made before stands until something is painted. */
  async set(value) {
    this.raster.replace(() => null);
    this.finish();
    this._given = { version: this.version, value };
  }

  /** What is painted lies over the picture itself: where nothing is, its pixels stay. */
  async ready() {
    const { value, version } = this;
    if (value === null || value.picture) return value?.picture ?? null;
    const name = `${this.picture.name.replace(/\.[^.]*$/, "")}-painted.png`;
    const layer = await upload(await png(this.raster), name);
    const made = await post("composites", {
      background: this.picture.id,
      layers: [
        {
          picture: layer.id,
          x: this.picture.width / 2,
          y: this.picture.height / 2,
          scale: 1,
          rotation: 0,
          flip: false,
          opacity: 1,
          outline: null,
        },
      ],
    });
    this._made = { version, id: made.id };
    return made.id;
  }

  // --- colours

  down(at, event) {
    if (this.tool === "pick") this._pick(at);
    else super.down(at, event);
  }

  async _pick(at) {
    const { width, height } = this.picture;
    const [x, y] = [Math.floor(at.x), Math.floor(at.y)];
    if (x < 0 || y < 0 || x >= width || y >= height) return;
    this._whole ??= whole(this.picture, PICKED_FROM);
    const canvas = await this._whole;
    const painted = this.raster.get(x, y);
    let [r, g, b] = [painted & 255, (painted >> 8) & 255, (painted >> 16) & 255];
    if (!painted) {
      const sx = Math.floor((x / width) * canvas.width);
      const sy = Math.floor((y / height) * canvas.height);
      [r, g, b] = canvas.getContext("2d").getImageData(sx, sy, 1, 1).data;
    }
    this.paintColour = `#${[r, g, b].map((part) => part.toString(16).padStart(2, "0")).join("")}`;
    this.choose("brush");
  }

  clear() {
    this.raster.replace(() => null);
    this.finish();
  }

  shortcut(event) {
    if (event.key !== "Delete" && event.key !== "Backspace") return super.shortcut(event);
    this.clear();
    return true;
  }

  cursor() {
    return this.tool === "pick" ? "crosshair" : super.cursor();
  }

  controls(bar) {
    bar.append(this._swatches());
    if (this._strokes) {
      const shown = (value) => `${Math.round(value)} px`;
      const limits = { min: 1, max: Math.max(200, this.raster.width / 3), log: true, shown };
      bar.append(
        slider("Size", { ...limits, value: this.size }, (value) => {
          this.size = Math.max(1, Math.round(value));
          this.view.rehandle();
        }),
      );
    } else if (this.tool !== "pick") {
      const values = [
        [false, "Paint"],
        [true, "Take away"],
      ];
      bar.append(choice("What it does", values, this.taking, (value) => (this.taking = value)));
    }
    bar.append(iconButton("trash", "Clear", () => this.clear(), { key: "Delete" }));
  }

  _swatches() {
    const group = make("div", { class: "swatches", role: "group", "aria-label": "Colour" });
    for (const colour of this.colours) {
      const swatch = make("button", {
        type: "button",
        class: "swatch",
        title: colour,
        "aria-label": `Colour ${colour}`,
        "aria-pressed": String(colour === this.paintColour),
        onclick: () => {
          this.paintColour = colour;
          if (this.tool === "eraser" || this.tool === "pick") this.tool = "brush";
          this.restated();
        },
      });
      swatch.style.backgroundColor = colour;
      group.append(swatch);
    }
    const own = make("input", {
      type: "color",
      value: this.paintColour,
      title: "Any colour",
      "aria-label": "Any colour",
      oninput: () => (this.paintColour = own.value),
      onchange: () => this.restated(),
    });
    group.append(own);
    return group;
  }

  _paint(sampler, pixels) {
    const { width, xs } = sampler;
    sampler.spans(this.raster, (tile, start, j, first, end) => {
      const at = j * width;
      for (let i = first; i < end; i++) {
        const value = tile[start | (xs[i] & 255)];
        if (value) pixels[at + i] = value;
      }
    });
  }
}
