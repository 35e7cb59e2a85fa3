// Lag over the last minutes. The scale is even near 0 and logarithmic further up, so that 3 and 5,000 ledgers can both be
// read off it.
// Fresh replicas are one quiet bundle of lines; whoever is not fresh has a line, a shape and a label of its own.

import { h, s, say, mark } from "./dom.js";
import { CLASSES, clock, count, duration, number, shortClock } from "./words.js";

const TOP = 14;
const BOTTOM = 24;
const LEFT = 46;
const RIGHT = 132;
const RIGHT_NARROW = 92;
const FONT = 15.5; // the sizes above hold at this size of the root font, and grow with it
const TICKS = [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000, 1000000, 10000000];
const TICK_GAP = 20;
const LABEL_GAP = 15;
const MOST_LABELS = 8;
const SHORTEST = 60;
const MOST_SHOWN = 8;
const CALM = 300; // below this part of the threshold the scale is even
const STEPS = [10, 15, 30, 60, 120, 300];

let charts = 0;

export class LagChart {
  #record;
  #fleet = null;
  #classes = new Map();
  #highlight = null;
  #row = null;
  #frame = null;
  #gradient = `above-${(charts += 1)}`;

  constructor(record) {
    this.#record = record;
    this.title = s("title");
    this.desc = s("desc");
    this.layer = s("g");
    this.cursor = s("g", { class: "cursor" });
    this.svg = s("svg", { class: "chart-drawing", role: "img" }, this.title, this.desc, this.layer, this.cursor);
    this.tip = h("div", { class: "chart-tip", role: "status", hidden: "" });
    this.key = h("span", { class: "threshold-key" });
    this.box = h("div", { class: "chart-box", tabindex: "0", "aria-label": "Lag over time; arrow keys read values" }, this.svg, this.tip);
    this.element = h("figure", { class: "chart" }, h("figcaption", {}, "Ledgers behind the tip", this.key), this.box);
    this.#listen();
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  /** Show the fleet as it is at `now`. */
  update(fleet, replicas, now) {
    this.#fleet = fleet;
    this.#classes = new Map(replicas.map((replica) => [replica.name, replica.class]));
    this.now = now;
    this.draw();
  }

  /** Bring one replica's line to the front; null for none. */
  highlight(name) {
    this.#highlight = name;
    this.draw();
  }

  draw() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      this.#draw();
    });
  }

  #draw() {
    this.width = this.box.clientWidth;
    if (!this.#fleet || this.width < 80) return;
    this.em = parseFloat(getComputedStyle(document.documentElement).fontSize) / FONT;
    this.left = LEFT * this.em;
    this.right = (this.width < 520 ? RIGHT_NARROW : RIGHT) * this.em;
    this.bottom = BOTTOM * this.em;
    const { times } = this.#record;
    this.end = Math.max(this.now, times.at(-1) ?? 0);
    this.begin = Math.min(this.end - SHORTEST, times[0] ?? this.end);
    this.height = Math.round(Math.max(232, Math.min(340 * this.em, this.width * 0.36)));
    this.unit = Math.max(1, this.#fleet.threshold / CALM);
    this.top = 1;
    this.top = this.#scale(1.7 * Math.max(this.#worst(), this.#fleet.threshold, 3));
    mark(this.svg, "width", String(this.width));
    mark(this.svg, "height", String(this.height));
    this.layer.replaceChildren(this.#aboveThreshold(), ...this.#grid(), ...this.#lines());
    say(this.key, `lags from ${number(this.#fleet.threshold)}`);
    this.#describe();
    this.#drawCursor();
  }

  #x(at) {
    return this.left + ((at - this.begin) / (this.end - this.begin)) * (this.width - this.left - this.right);
  }

  #y(lag) {
    return this.height - this.bottom - this.#scale(lag) * (this.height - TOP - this.bottom);
  }

  #scale(lag) {
    return Math.log10(1 + lag / this.unit) / this.top;
  }

  #worst() {
    let worst = 0;
    for (const column of this.#record.lags.values()) for (const lag of column) if (lag > worst) worst = lag;
    return worst;
  }

  *#grid() {
    const end = this.width - this.right;
    const threshold = this.#y(this.#fleet.threshold);
    const gap = TICK_GAP * this.em;
    let last = Infinity;
    for (const tick of TICKS) {
      const y = this.#y(tick);
      if (y < TOP || last - y < gap || Math.abs(y - threshold) < gap) continue;
      last = y;
      yield s("line", { class: "grid", x1: this.left, x2: end, y1: y, y2: y });
      yield s("text", { class: "tick", x: this.left - 8, y: y + 4, "text-anchor": "end" }, number(tick));
    }
    yield* this.#timeTicks();
    yield s("text", { class: "tick is-threshold", x: this.left - 8, y: threshold + 4 * this.em, "text-anchor": "end" }, number(this.#fleet.threshold));
    yield s("line", { class: "threshold", x1: this.left, x2: end, y1: threshold, y2: threshold });
  }

  *#timeTicks() {
    const room = (this.width - this.left - this.right) / (76 * this.em);
    const step = STEPS.find((each) => (this.end - this.begin) / each <= room) ?? STEPS.at(-1);
    for (let at = Math.ceil(this.begin / step) * step; at <= this.end; at += step) {
      const x = this.#x(at);
      if (x > this.width - this.right - 8 && x < this.width - this.right) continue;
      const text = step < 60 ? clock(at) : shortClock(at);
      yield s("text", { class: "tick", x, y: this.height - 6, "text-anchor": "middle" }, text);
    }
  }

  *#lines() {
    const quiet = [];
    const loud = [];
    for (const [name, column] of this.#record.lags) {
      const its = this.#classes.get(name) ?? "gone";
      (its === "fresh" || its === "gone" ? quiet : loud).push({ name, column, its });
    }
    const crossed = quiet.filter(({ column }) => column.some((lag) => lag >= this.#fleet.threshold));
    const calm = quiet.filter((each) => !crossed.includes(each));
    yield s("path", { class: "line is-bundle", d: calm.map(({ column }) => this.#path(column)).join("") });
    for (const { name, column } of crossed) yield this.#line(name, column, "fresh", `url(#${this.#gradient})`);
    for (const { name, column, its } of loud) yield this.#line(name, column, its);
    const lit = this.#highlight && this.#record.lags.get(this.#highlight);
    if (lit) yield this.#line(this.#highlight, lit, `${this.#classes.get(this.#highlight)} is-lit`);
    yield* this.#labels(quiet.filter(({ its }) => its === "fresh"), loud);
  }

  #line(name, column, its, stroke = "var(--tone)") {
    return s("path", { class: `line is-${its}`, d: this.#path(column), stroke, "data-replica": name });
  }

  // Who is fresh again was not while its line was above the threshold.
  #aboveThreshold() {
    const y = this.#y(this.#fleet.threshold) / this.height;
    const stops = [["lagging", 0], ["lagging", y], ["fresh", y], ["fresh", 1]];
    const size = { gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: 0, y2: this.height };
    const parts = stops.map(([its, offset]) => s("stop", { class: `is-${its}`, offset, "stop-color": "var(--tone)" }));
    return s("linearGradient", { id: this.#gradient, ...size }, ...parts);
  }

  #path(column) {
    const { times } = this.#record;
    let path = "";
    let pen = "M";
    for (let row = 0; row < times.length; row += 1) {
      if (column[row] === null) {
        pen = "M";
        continue;
      }
      path += `${pen}${this.#x(times[row]).toFixed(1)} ${this.#y(column[row]).toFixed(1)}`;
      pen = "L";
    }
    return path;
  }

  *#labels(fresh, loud) {
    const ends = loud.map((each) => ({ ...each, lag: lastKnown(each.column) })).filter((each) => each.lag !== null);
    ends.sort((a, b) => b.lag - a.lag);
    const labels = ends.slice(0, MOST_LABELS).map(({ name, its, lag }) => ({ text: name, its, lag }));
    const lags = fresh.map(({ column }) => lastKnown(column)).filter((lag) => lag !== null).sort((a, b) => a - b);
    if (lags.length > 0) {
      const text = lags.length === 1 ? "1 fresh" : `${number(lags.length)} fresh`;
      labels.push({ text, its: "fresh", lag: lags[Math.floor(lags.length / 2)] });
    }
    if (ends.length > MOST_LABELS) labels.push({ text: `and ${ends.length - MOST_LABELS} more`, its: "gone", lag: ends[MOST_LABELS].lag });
    labels.sort((a, b) => b.lag - a.lag);
    const heights = spread(labels.map(({ lag }) => this.#y(lag)), this.height - this.bottom + 4, LABEL_GAP * this.em);
    const x = this.width - this.right;
    for (const [index, { text, its, lag }] of labels.entries()) {
      const group = s("g", { class: `label is-${its}` });
      group.append(s("path", { class: "leader", d: `M${x + 2} ${this.#y(lag)}L${x + 10} ${heights[index]}` }));
      if (CLASSES[its]) group.append(endShape(CLASSES[its], x + 12, heights[index] - 4.5 * this.em, this.em));
      group.append(s("text", { x: x + 12 + 13 * this.em, y: heights[index] + 4 * this.em }, shorten(text, this.right / this.em)));
      yield group;
    }
  }

  #describe() {
    const { name, threshold } = this.#fleet;
    const known = [...this.#record.lags].map(([replica, column]) => [replica, lastKnown(column)]).filter(([, lag]) => lag !== null);
    const worst = known.reduce((most, each) => (each[1] > most[1] ? each : most), ["", -1]);
    say(this.title, `Lag of ${count(this.#classes.size, "replica")} of ${name}`);
    const furthest = worst[1] < 0 ? "" : ` Furthest behind now: ${worst[0]}, ${count(worst[1], "ledger")}.`;
    say(this.desc, `Ledgers behind the tip over ${duration(this.end - this.begin)}, logarithmic; a replica lags from ${number(threshold)}.${furthest}`);
  }

  #listen() {
    const follow = (event) => {
      const x = event.clientX - this.svg.getBoundingClientRect().left;
      const at = this.begin + ((x - this.left) / (this.width - this.left - this.right)) * (this.end - this.begin);
      this.#point(this.#record.nearest(at));
    };
    this.box.addEventListener("pointermove", follow);
    this.box.addEventListener("pointerdown", follow);
    this.box.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#point(null));
    this.box.addEventListener("blur", () => this.#point(null));
    this.box.addEventListener("keydown", (event) => {
      const last = this.#record.times.length - 1;
      const row = this.#row === null ? last : this.#rowNow();
      const moved = { ArrowLeft: row - 1, ArrowRight: row + 1, Home: 0, End: last, Escape: null }[event.key];
      if (moved === undefined) return;
      event.preventDefault();
      this.#point(moved === null ? null : Math.max(0, Math.min(last, moved)));
    });
  }

  // Rows move while the chart runs: the cursor stays at its time.
  #point(row) {
    this.#row = row === null || row < 0 ? null : this.#record.times[row];
    this.#drawCursor();
  }

  #rowNow() {
    return this.#record.nearest(this.#row);
  }

  #drawCursor() {
    const row = this.#row === null ? -1 : this.#rowNow();
    this.tip.hidden = row < 0;
    this.cursor.replaceChildren();
    if (row < 0) return;
    const at = this.#record.times[row];
    const values = [...this.#record.lags].map(([name, column]) => ({ name, lag: column[row] })).filter(({ lag }) => lag !== null);
    values.sort((a, b) => b.lag - a.lag || (a.name < b.name ? -1 : 1));
    const x = this.#x(at);
    this.cursor.append(s("line", { x1: x, x2: x, y1: TOP, y2: this.height - this.bottom }));
    for (const { name, lag } of values) {
      const its = this.#classes.get(name) ?? "gone";
      this.cursor.append(s("circle", { class: `is-${its}`, cx: x, cy: this.#y(lag), r: 3 }));
    }
    this.tip.replaceChildren(...this.#tipRows(at, values));
    const left = x > (this.width - this.right + this.left) / 2 ? x - this.tip.offsetWidth - 12 : x + 12;
    this.tip.style.left = `${Math.max(0, Math.min(left, this.width - this.tip.offsetWidth))}px`;
  }

  *#tipRows(at, values) {
    yield h("p", { class: "chart-tip-time" }, clock(at), " ", h("span", {}, `${duration(this.end - at)} ago`));
    for (const { name, lag } of values.slice(0, MOST_SHOWN)) {
      const its = this.#classes.get(name);
      const icon = its ? endIcon(CLASSES[its]) : h("span");
      yield h("p", { class: `chart-tip-row is-${its ?? "gone"}` }, icon, h("bdi", {}, name), h("b", {}, number(lag)));
    }
    const more = values.slice(MOST_SHOWN);
    if (more.length > 0) yield h("p", { class: "chart-tip-more" }, `${number(more.length)} more, at most ${number(more[0].lag)} behind`);
    if (values.length === 0) yield h("p", { class: "chart-tip-more" }, "nothing observed");
  }
}

function lastKnown(column) {
  return column.at(-1) ?? column.at(-2) ?? column.at(-3) ?? null;
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
function shorten(text, room) {
  const most = Math.floor((room - 28) / 6.6);
  return text.length <= most ? text : `…${text.slice(1 - most)}`;
}

function endShape({ shape, stroke }, x, y, em) {
  return s("path", { class: stroke ? "end is-stroke" : "end", d: shape, transform: `translate(${x} ${y}) scale(${0.75 * em})` });
}

function endIcon({ shape, stroke }) {
  return s("svg", { class: stroke ? "shape is-stroke" : "shape", viewBox: "0 0 12 12", "aria-hidden": "true" }, s("path", { d: shape }));
}
