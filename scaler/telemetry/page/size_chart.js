// How many replicas there were, and how many there were to be, over the last minutes.

import { h, mark, s, say } from "./dom.js";
import { count, number } from "./words.js";

const SPAN = 16 * 60;
const LEFT = 44;
const RIGHT = 96;
const TOP = 12;
const HEIGHT = 96;
const LINES = [
  { its: "desired", read: (size) => size.desired, word: "desired" },
  { its: "known", read: (size) => size.known, word: "there" },
  { its: "fresh", read: (size) => size.fresh, word: "fresh" },
];

/** Sizes of one fleet, each from its time to the next one's. */
export class SizeRecord {
  sizes = [];

  /** Begin with the scaler's own record. */
  begin(rows) {
    this.sizes = rows.map(([at, desired, known, fresh, reason]) => ({ at, desired, known, fresh, reason }));
  }

  /** Carry on with a summary, where it differs from what was before. */
  add({ at, desired, known, counts, reason }) {
    const last = this.sizes.at(-1);
    const size = { at, desired, known, fresh: counts.fresh, reason };
    if (last && LINES.every(({ read }) => read(last) === read(size)) && last.reason === reason) return;
    if (last && at < last.at) return;
    this.sizes.push(size);
    while (this.sizes.length > 1 && this.sizes[1].at < at - SPAN) this.sizes.shift();
  }
}

export class SizeChart {
  #record;
  #summary = null;
  #now = 0;

  constructor(record) {
    this.#record = record;
    this.title = s("title");
    this.desc = s("desc");
    this.layer = s("g");
    this.drawing = s("svg", { class: "size-drawing", role: "img" }, this.title, this.desc, this.layer);
    this.box = h("div", { class: "size-box" }, this.drawing);
    this.element = h("figure", { class: "chart size-chart" }, h("figcaption", {}, "Replicas over time"), this.box);
    new ResizeObserver(() => this.#draw()).observe(this.box);
  }

  /** Show the sizes up to `now`. */
  update(summary, now) {
    this.#summary = summary;
    this.#now = now;
    this.#draw();
  }

  #draw() {
    const width = this.box.clientWidth;
    const { sizes } = this.#record;
    if (!this.#summary || sizes.length === 0 || width < LEFT + RIGHT) return;
    const em = parseFloat(getComputedStyle(this.box).fontSize) / 15;
    const right = width - RIGHT * em;
    const begin = Math.max(sizes[0].at, this.#now - SPAN);
    const most = Math.max(1, ...sizes.flatMap((size) => LINES.map(({ read }) => read(size) ?? 0)));
    const x = (at) => LEFT + ((right - LEFT) * (Math.max(at, begin) - begin)) / Math.max(1, this.#now - begin);
    const y = (value) => TOP + (HEIGHT - 2 * TOP) * (1 - value / most);
    mark(this.drawing, "width", String(width));
    mark(this.drawing, "height", String(HEIGHT));
    this.layer.replaceChildren(...this.#axis(y, most, right, em), ...this.#lines(x, y), ...this.#words(y, right, em));
    const { desired, known, counts } = this.#summary;
    say(this.title, `Size of ${this.#summary.name}`);
    say(this.desc, `Now ${count(known, "replica")}, ${counts.fresh} fresh, ${desired === null ? "size unchanged" : `${desired} desired`}.`);
  }

  *#axis(y, most, right, em) {
    for (const value of [0, most]) {
      yield s("line", { class: "grid", x1: LEFT, x2: right, y1: y(value), y2: y(value) });
      yield s("text", { class: "tick", x: LEFT - 8, y: y(value) + 4 * em, "text-anchor": "end" }, number(value));
    }
  }

  *#lines(x, y) {
    const { sizes } = this.#record;
    for (const { its, read } of LINES) {
      let path = "";
      for (const [index, size] of sizes.entries()) {
        const value = read(size);
        if (value === null) continue;
        const before = index > 0 ? read(sizes[index - 1]) : null;
        path += before === null ? `M${x(size.at).toFixed(1)} ${y(value).toFixed(1)}` : `V${y(value).toFixed(1)}`;
        path += `H${x(sizes[index + 1]?.at ?? this.#now).toFixed(1)}`;
      }
      yield s("path", { class: `size-line is-${its}`, d: path, "data-line": its });
    }
  }

  // Lines that end at one height share a place: their words are put together.
  *#words(y, right, em) {
    const last = this.#record.sizes.at(-1);
    const ends = new Map();
    for (const { read, word } of LINES) {
      const value = read(last);
      if (value !== null) ends.set(value, [...(ends.get(value) ?? []), word]);
    }
    let lowest = Infinity;
    for (const [value, words] of [...ends].sort((a, b) => a[0] - b[0])) {
      const height = Math.min(y(value) + 4 * em, lowest - 13 * em);
      lowest = height;
      yield s("text", { class: "size-word", x: right + 8, y: height }, `${number(value)} ${words.join(", ")}`);
    }
  }
}
