/**
 * Shapes as rows of pixels: `row(y, x0, x1)` is called with the pixels x0 ≤ x < x1 whose middles
 * lie inside. All coordinates are the picture's, and may lie outside of it.
 */

/** The first pixel whose middle is at or right of `x`. */
const from = (x) => Math.ceil(x - 0.5);

/** All within `radius` of the line from `a` to `b`. */
export function stroke(a, b, radius, row) {
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  // The sides of the stroke stand off by this much.
  const nx = length ? (-(b.y - a.y) / length) * radius : 0;
  const ny = length ? ((b.x - a.x) / length) * radius : 0;
  const top = from(Math.min(a.y, b.y) - radius);
  const bottom = from(Math.max(a.y, b.y) + radius);
  for (let y = top; y <= bottom; y++) {
    const middle = y + 0.5;
    let low = Infinity;
    let high = -Infinity;
    for (const end of [a, b]) {
      const rest = radius * radius - (middle - end.y) ** 2;
      if (rest < 0) continue;
      low = Math.min(low, end.x - Math.sqrt(rest));
      high = Math.max(high, end.x + Math.sqrt(rest));
    }
    for (const side of a.y === b.y ? [] : [-1, 1]) {
      const t = (middle - a.y - side * ny) / (b.y - a.y);
      if (t < 0 || t > 1) continue;
      const x = a.x + side * nx + t * (b.x - a.x);
      low = Math.min(low, x);
      high = Math.max(high, x);
    }
    const x0 = from(low);
    const x1 = Math.floor(high - 0.5) + 1;
    if (x0 < x1) row(y, x0, x1);
  }
}

/** The distance of (x, y) from the line from `a` to `b`. */
export function distance(x, y, a, b) {
  const dx = b.x - a.x;
  const dy = b.y - a.y;
  const square = dx * dx + dy * dy;
  const t = square ? Math.max(0, Math.min(1, ((x - a.x) * dx + (y - a.y) * dy) / square)) : 0;
  return Math.hypot(x - a.x - t * dx, y - a.y - t * dy);
}

/** A polygon, closed by itself; where it winds around more than once it is inside too. */
export function polygon(points, row) {
  const crossings = new Map(); // row → [[x, ±1], …]
  points.forEach((a, i) => {
    const b = points[(i + 1) % points.length];
    if (a.y === b.y) return;
    const [upper, lower, way] = a.y < b.y ? [a, b, 1] : [b, a, -1];
    for (let y = from(upper.y); y < from(lower.y); y++) {
      const x = upper.x + ((y + 0.5 - upper.y) / (lower.y - upper.y)) * (lower.x - upper.x);
      if (!crossings.has(y)) crossings.set(y, []);
      crossings.get(y).push([x, way]);
    }
  });
  for (const [y, found] of crossings) {
    found.sort((a, b) => a[0] - b[0]);
    let winding = 0;
    let start = 0;
    for (const [x, way] of found) {
      if (winding === 0) start = x;
      winding += way;
      if (winding === 0 && from(start) < from(x)) row(y, from(start), from(x));
    }
  }
}

/** A box whose sides lie between pixels. @param {import("./raster.js").Box} box */
export function rectangle(box, row) {
  for (let y = box.y0; y < box.y1; y++) row(y, box.x0, box.x1);
}

/** The box with two corners at `a` and `b`, of whole pixels, at least one, within the size. */
export function boxOf(a, b, { width, height }) {
  const side = (one, other, length) => {
    const start = Math.min(length - 1, Math.max(0, Math.round(Math.min(one, other))));
    const end = Math.min(length, Math.max(0, Math.round(Math.max(one, other))));
    return [start, Math.max(start + 1, end)];
  };
  const [x0, x1] = side(a.x, b.x, width);
  const [y0, y1] = side(a.y, b.y, height);
  return { x0, y0, x1, y1 };
}

/**
 * The pixels joined to (x, y), by their sides, that `open` tells (flat, row by row).
 * @param {Uint8Array} open  1 where it goes on; set to 0 where the shape is.
 */
export function flood(x, y, open, width, height, row) {
  const waiting = [[x, y]];
  while (waiting.length) {
    const [sx, sy] = waiting.pop();
    const start = sy * width;
    if (!open[start + sx]) continue;
    let x0 = sx;
    let x1 = sx + 1;
    while (x0 > 0 && open[start + x0 - 1]) x0--;
    while (x1 < width && open[start + x1]) x1++;
    open.fill(0, start + x0, start + x1);
    row(sy, x0, x1);
    for (const ny of [sy - 1, sy + 1]) {
      if (ny < 0 || ny >= height) continue;
      for (let nx = x0; nx < x1; nx++) {
        const at = ny * width + nx;
        if (open[at] && (nx === x0 || !open[at - 1])) waiting.push([nx, ny]);
      }
    }
  }
}

/**
 * A mask grown by all within `radius` of it (Euclidean, between the middles of pixels).
 *
 * By the way of distance transforms: the distance up or down a column first, then along each row
 * the stretch that a pixel so far away still reaches.
 * @param {Uint8Array} inside  Row by row, not 0 is inside. @returns {Uint8Array} 0 or 1
 */
export function grown(inside, width, height, radius) {
  const far = radius + 1;
  const away = new Uint16Array(width * height).fill(far);
  for (let at = 0; at < away.length; at++) {
    if (inside[at]) away[at] = 0;
    else if (at >= width) away[at] = Math.min(far, away[at - width] + 1);
  }
  for (let at = away.length - width - 1; at >= 0; at--) {
    if (away[at + width] < away[at]) away[at] = Math.min(away[at], away[at + width] + 1);
  }
  const reach = Array.from({ length: radius + 1 }, (_, d) =>
    Math.floor(Math.sqrt(radius * radius - d * d)),
  );
  const result = new Uint8Array(width * height);
  const steps = new Int32Array(width + 1);
  for (let y = 0; y < height; y++) {
    steps.fill(0);
    for (let x = 0; x < width; x++) {
      const d = away[y * width + x];
      if (d > radius) continue;
      steps[Math.max(0, x - reach[d])]++;
      steps[Math.min(width, x + reach[d] + 1)]--;
    }
    for (let x = 0, covered = 0; x < width; x++) {
      covered += steps[x];
      result[y * width + x] = covered > 0 ? 1 : 0;
    }
  }
  return result;
}
