// The names at the right end of the chart's lines: the worst by name, all fresh ones as one.

import { s } from "./dom.js";
import { CLASSES, number } from "./words.js";

const MOST = 8;
const GAP = 15;
const LETTER = 6.6; // width of a letter

/** Labels for lines of `{ name, its, lag }`; `fresh` has lags only. */
export function* drawLabels(loud, fresh, scale) {
  const labels = chooseLabels(loud, fresh);
  const heights = spread(labels.map(({ lag }) => scale.y(lag)), scale.bottom + 4, GAP * scale.em);
  for (const [index, label] of labels.entries()) yield drawLabel(label, heights[index], scale);
}

function chooseLabels(loud, fresh) {
  const worst = [...loud].sort((a, b) => b.lag - a.lag);
  const labels = worst.slice(0, MOST).map(({ name, its, lag }) => ({ text: name, its, lag }));
  if (worst.length > MOST) labels.push({ text: `and ${worst.length - MOST} more`, its: "gone", lag: worst[MOST].lag });
  if (fresh.length > 0) {
    const middle = [...fresh].sort((a, b) => a - b)[Math.floor(fresh.length / 2)];
    labels.push({ text: `${number(fresh.length)} fresh`, its: "fresh", lag: middle });
  }
  return labels.sort((a, b) => b.lag - a.lag);
}

function drawLabel({ text, its, lag }, y, scale) {
  const { right, width, em } = scale;
  const group = s("g", { class: `label is-${its}` });
  group.append(s("path", { class: "leader", d: `M${right + 2} ${scale.y(lag)}L${right + 10} ${y}` }));
  if (CLASSES[its]) {
    const { shape, stroke } = CLASSES[its];
    const place = `translate(${right + 12} ${y - 4.5 * em}) scale(${0.75 * em})`;
    group.append(s("path", { class: stroke ? "end is-stroke" : "end", d: shape, transform: place }));
  }
  const x = right + 12 + 13 * em;
  group.append(s("text", { x, y: y + 4 * em }, shorten(text, (width - x) / (LETTER * em))));
  return group;
}

// Labels of equal lag would lie on one another: pushed apart from the top, then from the bottom.
function spread(heights, bottom, gap) {
  const placed = [...heights];
  for (let i = 1; i < placed.length; i += 1) placed[i] = Math.max(placed[i], placed[i - 1] + gap);
  let floor = bottom;
  for (let i = placed.length - 1; i >= 0; i -= 1) {
    placed[i] = Math.min(placed[i], floor);
    floor = placed[i] - gap;
  }
  return placed;
}

// The end of a pod's name tells it apart, its beginning does not.
function shorten(text, letters) {
  const most = Math.floor(letters);
  return text.length <= most ? text : `…${text.slice(1 - most)}`;
}
