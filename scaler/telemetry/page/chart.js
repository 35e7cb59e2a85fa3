// Lag over the last minutes. Fresh replicas are one quiet bundle of lines; whoever is not fresh has a line, a shape and a
// label of its own.

import { Cursor } from "./chart_cursor.js";
import { drawLabels } from "./chart_labels.js";
import { Scale } from "./chart_scale.js";
import { h, mark, s, say } from "./dom.js";
import { clock, count, duration, number, shortClock } from "./words.js";

const NARROWEST = 80;

let charts = 0;

export class LagChart {
  #record;
  #fleet = null;
  #now = 0;
  #classes = new Map();
  #highlight = null;
  #frame = null;
  #gradient = `above-${(charts += 1)}`;

  constructor(record) {
    this.#record = record;
    this.box = h("div", { class: "chart-box", tabindex: "0", "aria-label": "Lag over time; arrow keys read values" });
    this.cursor = new Cursor(record, this.box);
    this.title = s("title");
    this.desc = s("desc");
    this.layer = s("g");
    this.drawing = s("svg", { class: "chart-drawing", role: "img" }, this.title, this.desc, this.layer, this.cursor.line);
    this.box.prepend(this.drawing);
    this.key = h("span", { class: "threshold-key" });
    this.element = h("figure", { class: "chart" }, h("figcaption", {}, "Ledgers behind the tip", this.key), this.box);
    new ResizeObserver(() => this.draw()).observe(this.box);
  }

  /** Show the fleet as it is at `now`. */
  update(fleet, replicas, now) {
    this.#fleet = fleet;
    this.#classes = new Map(replicas.map((replica) => [replica.name, replica.class]));
    this.#now = now;
    this.draw();
  }

  /** Bring one replica's line to the front; null for none. */
  highlight(name) {
    this.#highlight = name;
    this.draw();
  }

  /** Draw with the next frame, however often this is asked before it. */
  draw() {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null;
      if (this.#fleet && this.box.clientWidth >= NARROWEST) this.#draw();
    });
  }

  #draw() {
    const { times } = this.#record;
    const { threshold } = this.#fleet;
    this.scale = new Scale({ width: this.box.clientWidth, times, now: this.#now, threshold, worst: this.#record.worst() });
    mark(this.drawing, "width", String(this.scale.width));
    mark(this.drawing, "height", String(this.scale.height));
    this.layer.replaceChildren(this.#aboveThreshold(), ...this.#grid(), ...this.#lines());
    say(this.key, `lagging at ${number(threshold)}`);
    this.#describe();
    this.cursor.draw(this.scale, this.#classes);
  }

  *#grid() {
    const { left, right, height, em } = this.scale;
    const threshold = this.scale.y(this.#fleet.threshold);
    const word = { x: left - 8, "text-anchor": "end" };
    for (const tick of this.scale.ticks()) {
      const y = this.scale.y(tick);
      yield s("line", { class: "grid", x1: left, x2: right, y1: y, y2: y });
      yield s("text", { class: "tick", y: y + 4 * em, ...word }, number(tick));
    }
    for (const { at, step } of this.scale.times()) {
      const place = { x: this.scale.x(at), y: height - 6, "text-anchor": "middle" };
      yield s("text", { class: "tick", ...place }, step < 60 ? clock(at) : shortClock(at));
    }
    yield s("text", { class: "tick is-threshold", y: threshold + 4 * em, ...word }, number(this.#fleet.threshold));
    yield s("line", { class: "threshold", x1: left, x2: right, y1: threshold, y2: threshold });
  }

  *#lines() {
    const lines = [...this.#record.lags].map(([name, column]) => ({ name, column, its: this.#classes.get(name) ?? "gone" }));
    const loud = lines.filter(({ its }) => its !== "fresh" && its !== "gone");
    const quiet = lines.filter((line) => !loud.includes(line));
    const crossed = quiet.filter(({ column }) => column.some((lag) => lag >= this.#fleet.threshold));
    const calm = quiet.filter((line) => !crossed.includes(line));
    yield s("path", { class: "line is-bundle", d: calm.map(({ column }) => this.#path(column)).join("") });
    for (const { name, column } of crossed) yield* this.#crossing(name, column);
    for (const { name, column, its } of loud) yield this.#line(name, column, `is-${its}`);
    const lit = lines.find(({ name }) => name === this.#highlight);
    if (lit) yield this.#line(lit.name, lit.column, `is-${lit.its} is-lit`);
    const known = (some) => some.map((line) => ({ ...line, lag: lastKnown(line.column) })).filter(({ lag }) => lag !== null);
    const fresh = known(quiet.filter(({ its }) => its === "fresh")).map(({ lag }) => lag);
    yield* drawLabels(known(loud), fresh, this.scale);
  }

  // Whoever is fresh now either caught up for the first time, or lagged in between.
  *#crossing(name, column) {
    const arrived = this.#record.arrival(column, this.#fleet.threshold);
    const later = column.map((lag, row) => (row >= arrived ? lag : null));
    if (arrived > 0) yield this.#line(name, column.slice(0, arrived + 1), "is-catchingUp");
    yield this.#line(name, later, "is-fresh", `url(#${this.#gradient})`);
  }

  #line(name, column, classes, stroke = "var(--tone)") {
    return s("path", { class: `line ${classes}`, d: this.#path(column), stroke, "data-replica": name });
  }

  #path(column) {
    const { times } = this.#record;
    let path = "";
    let pen = "M";
    for (let row = 0; row < column.length; row += 1) {
      if (column[row] === null) {
        pen = "M";
        continue;
      }
      path += `${pen}${this.scale.x(times[row]).toFixed(1)} ${this.scale.y(column[row]).toFixed(1)}`;
      pen = "L";
    }
    return path;
  }

  // Who is fresh again was not while its line was above the threshold.
  #aboveThreshold() {
    const y = this.scale.y(this.#fleet.threshold) / this.scale.height;
    const stops = [["lagging", 0], ["lagging", y], ["fresh", y], ["fresh", 1]];
    const size = { gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: 0, y2: this.scale.height };
    const parts = stops.map(([its, offset]) => s("stop", { class: `is-${its}`, offset, "stop-color": "var(--tone)" }));
    return s("linearGradient", { id: this.#gradient, ...size }, ...parts);
  }

  #describe() {
    const { name, threshold } = this.#fleet;
    const known = [...this.#record.lags].map(([replica, column]) => [replica, lastKnown(column) ?? -1]);
    const [worst, lag] = known.reduce((most, each) => (each[1] > most[1] ? each : most), ["", -1]);
    const furthest = lag < 0 ? "" : ` Furthest behind now: ${worst}, ${count(lag, "ledger")}.`;
    const span = duration(this.scale.end - this.scale.begin);
    say(this.title, `Lag of ${count(this.#classes.size, "replica")} of ${name}`);
    say(this.desc, `Ledgers behind the tip over ${span}, logarithmic; a replica is lagging at ${number(threshold)}.${furthest}`);
  }
}

function lastKnown(column) {
  return column.at(-1) ?? column.at(-2) ?? column.at(-3) ?? null;
}
