// What a pointer, a finger or the arrow keys read off the chart: one time, and who was how far behind then.

import { h, s, shape } from "./dom.js";
import { CLASSES, clock, duration, number } from "./words.js";

const MOST = 8;

export class Cursor {
  #record;
  #at = null; // rows move while the chart runs: the cursor stays at its time
  #scale = null;
  #classes = new Map();

  /** Reads `record` where somebody points at `box`. */
  constructor(record, box) {
    this.#record = record;
    this.box = box;
    this.line = s("g", { class: "cursor" });
    this.tip = h("div", { class: "chart-tip", role: "status", hidden: "" });
    box.append(this.tip);
    this.#listen();
  }

  draw(scale, classes) {
    this.#scale = scale;
    this.#classes = classes;
    this.#draw();
  }

  #listen() {
    const follow = (event) => {
      if (this.#scale) this.#point(this.#record.nearest(this.#scale.at(event.clientX - this.box.getBoundingClientRect().left)));
    };
    this.box.addEventListener("pointermove", follow);
    this.box.addEventListener("pointerdown", follow);
    this.box.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && this.#point(null));
    this.box.addEventListener("blur", () => this.#point(null));
    this.box.addEventListener("keydown", (event) => this.#press(event));
  }

  #press(event) {
    const last = this.#record.times.length - 1;
    const row = this.#at === null ? last : this.#record.nearest(this.#at);
    const moved = { ArrowLeft: row - 1, ArrowRight: row + 1, Home: 0, End: last, Escape: null }[event.key];
    if (moved === undefined) return;
    event.preventDefault();
    this.#point(moved === null ? null : Math.max(0, Math.min(last, moved)));
  }

  #point(row) {
    this.#at = row === null || row < 0 ? null : this.#record.times[row];
    this.#draw();
  }

  #draw() {
    const row = this.#at === null || !this.#scale ? -1 : this.#record.nearest(this.#at);
    this.tip.hidden = row < 0;
    this.line.replaceChildren();
    if (row < 0) return;
    const at = this.#record.times[row];
    const values = this.#record.valuesAt(row);
    const { left, right, top, bottom, width } = this.#scale;
    const x = this.#scale.x(at);
    this.line.append(s("line", { x1: x, x2: x, y1: top, y2: bottom }));
    for (const { name, lag } of values) {
      this.line.append(s("circle", { class: `is-${this.#classOf(name)}`, cx: x, cy: this.#scale.y(lag), r: 3 }));
    }
    this.tip.replaceChildren(...this.#rows(at, values));
    const beside = x > (left + right) / 2 ? x - this.tip.offsetWidth - 12 : x + 12;
    this.tip.style.left = `${Math.max(0, Math.min(beside, width - this.tip.offsetWidth))}px`;
  }

  *#rows(at, values) {
    yield h("p", { class: "chart-tip-time" }, clock(at), " ", h("span", {}, `${duration(this.#scale.end - at)} ago`));
    for (const { name, lag } of values.slice(0, MOST)) {
      const its = this.#classOf(name);
      const icon = CLASSES[its] ? shape(CLASSES[its]) : h("span");
      yield h("p", { class: `chart-tip-row is-${its}` }, icon, h("bdi", {}, name), h("b", {}, number(lag)));
    }
    const more = values.slice(MOST);
    if (more.length > 0) yield h("p", { class: "chart-tip-more" }, `${number(more.length)} more, at most ${number(more[0].lag)} behind`);
    if (values.length === 0) yield h("p", { class: "chart-tip-more" }, "nothing observed");
  }

  #classOf(name) {
    return this.#classes.get(name) ?? "gone";
  }
}
