// The falling error of a training, as a small line.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240;
const HEIGHT = 48;

/** A drawing of `points` [[step, error], …] over so many `steps`; the error on a logarithmic axis. */
export function curve(points, steps) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("class", "curve");
  svg.setAttribute("role", "img");
  const known = smoothed(points.filter(([, error]) => error > 0));
  const last = known.at(-1);
  svg.setAttribute("aria-label", last ? `what is not learnt yet: it still differs by ${last[1].toPrecision(2)}` : "what is not learnt yet");
  if (known.length > 1) {
    const logs = known.map(([, error]) => Math.log(error));
    const [low, high] = [Math.min(...logs), Math.max(...logs)];
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("points", known.map(([step], k) => {
      const x = (step / Math.max(1, steps)) * (WIDTH - 4) + 2;
      const y = HEIGHT - 3 - ((logs[k] - low) / (high - low || 1)) * (HEIGHT - 6);
      return `${x.toFixed(1)},${y.toFixed(1)}`;
    }).join(" "));
    svg.append(line);
  }
  return svg;
}

/** Running means: single updates jump about so much that no fall is seen. */
function smoothed(points) {
  let mean = null;
  return points.map(([step, error]) => {
    mean = mean === null ? error : 0.8 * mean + 0.2 * error;
    return [step, mean];
  });
}
