// One fleet: a row that says how it is, and, when opened, its facts, the decision, the chart and the replicas.

import { LagChart } from "./chart.js";
import { h, mark, say, setShape, shape } from "./dom.js";
import { LagRecord } from "./record.js";
import { ReplicaTable } from "./replicas.js";
import { SizeChart, SizeRecord } from "./size_chart.js";
import { CLASSES, HEALTHS, count, duration, latency, network, number, perSecond, percent } from "./words.js";

const REASONS = "https://github.com/readpool/readpool/blob/main/docs/policy.md";
const IN_BAR = ["fresh", "catchingUp", "unknown", "lagging", "foreign", "unreachable"];

export class FleetView {
  summary = null;
  replicas = [];
  isOpen = false;
  #record = new LagRecord();
  #sizes = new SizeRecord();
  #body = null;
  #bar = new Map();

  constructor(name, onToggle) {
    const [namespace, source] = split(name);
    this.name = name;
    this.icon = shape(HEALTHS.fresh);
    this.word = h("span");
    this.network = h("bdi", { class: "network" });
    this.cells = Object.fromEntries(["fresh", "size", "lag", "tip"].map((key) => [key, h("span", { class: `row-${key} number` })]));
    const title = h("span", { class: "row-name" }, h("span", { class: "namespace" }, namespace), h("bdi", {}, source), this.network);
    const bar = h("span", { class: "bar-of-classes", "aria-hidden": "true" }, ...IN_BAR.map((its) => this.#addToBar(its)));
    const state = h("span", { class: "row-state tag" }, this.icon, this.word);
    const chevron = h("span", { class: "chevron", "aria-hidden": "true" });
    this.button = h("button", { class: "row", type: "button", "aria-expanded": "false" }, chevron, title, state, bar, ...Object.values(this.cells));
    this.button.addEventListener("click", () => onToggle(this));
    this.element = h("article", { class: "fleet", "data-fleet": name }, h("h2", {}, this.button));
  }

  open(isOpen) {
    this.isOpen = isOpen;
    this.#body ??= this.#buildBody();
    this.#body.hidden = !isOpen;
    mark(this.button, "aria-expanded", String(isOpen));
    this.element.classList.toggle("is-open", isOpen);
  }

  begin(history) {
    this.#record.begin(history);
    this.#sizes.begin(history.sizes ?? []);
  }

  hear({ at, replicas }) {
    this.replicas = replicas;
    this.#record.add(at, replicas);
  }

  /** Show what is known; `now` is the scaler's time. */
  render(now) {
    this.#sizes.add(this.summary);
    const { health, counts, bounds, known, desired, maxLag, tip } = this.summary;
    const its = HEALTHS[health];
    this.element.dataset.health = health;
    mark(this.element, "data-tone", its.tone);
    setShape(this.icon, its);
    say(this.word, its.word);
    say(this.network, network(this.summary.network));
    say(this.cells.fresh, sayFresh(counts.fresh, bounds[1]));
    say(this.cells.size, `${number(known)} → ${desired === null ? "hold" : number(desired)}`);
    say(this.cells.lag, number(maxLag));
    say(this.cells.tip, number(tip?.ledger));
    for (const [name, part] of this.#bar) {
      part.hidden = counts[name] === 0;
      part.style.flexGrow = String(counts[name]);
    }
    if (this.isOpen) this.#renderBody(now);
  }

  /** Let the ages go on between two snapshots. */
  tick(now) {
    if (this.isOpen && this.summary) this.#renderTip(now);
  }

  #addToBar(its) {
    const part = h("span", { class: `is-${its}` });
    this.#bar.set(its, part);
    return part;
  }

  #buildBody() {
    this.facts = {};
    const facts = h("dl", { class: "facts" });
    for (const [key, word] of [["tip", "Network tip"], ["fresh", "Fresh"], ["size", "Replicas"], ["lag", "Furthest behind"], ["reads", "Requests"], ["load", "Learned capacity"]]) {
      const value = h("dd", { class: "fact-value" });
      const note = h("dd", { class: "fact-note" });
      this.facts[key] = { value, note };
      facts.append(h("div", { class: `fact fact-${key}` }, h("dt", {}, word), value, note));
    }
    this.message = h("span");
    this.reason = h("a", { class: "reason", href: REASONS, target: "_blank", rel: "noopener noreferrer" }, h("code"));
    this.chart = new LagChart(this.#record);
    this.sizes = new SizeChart(this.#sizes);
    this.table = new ReplicaTable((name) => this.chart.highlight(name));
    const decision = h("p", { class: "decision" }, this.message, " ", this.reason);
    const body = h("div", { class: "fleet-body" }, facts, decision, h("div", { class: "two" }, h("div", { class: "charts" }, this.chart.element, this.sizes.element), this.table.element));
    this.element.append(body);
    return body;
  }

  #renderBody(now) {
    const { counts, bounds, known, desired, maxLag, threshold, message, reason } = this.summary;
    const others = IN_BAR.filter((its) => its !== "fresh" && counts[its] > 0);
    this.#fact("fresh", sayFresh(counts.fresh, bounds[1]), sayOthers(others, counts) || (known > 0 ? `target ${number(bounds[1])}` : "no replicas found"));
    const size = desired === null || desired === known ? number(known) : `${number(known)} → ${number(desired)}`;
    const wish = desired === null ? "size unchanged" : `${number(desired)} desired`;
    this.#fact("size", size, `${wish}, ${number(bounds[0])} to ${number(bounds[2])} allowed`);
    this.#fact("lag", number(maxLag), maxLag === null ? "lag unknown" : `${maxLag === 1 ? "ledger" : "ledgers"}; lagging at ${number(threshold)}`);
    this.#renderTip(now);
    say(this.message, message);
    say(this.reason.firstChild, reason);
    mark(this.reason, "title", `What ${reason} means`);
    this.#renderReads();
    this.sizes.update(this.summary, now);
    this.table.update(this.replicas, now);
    this.chart.update(this.summary, this.replicas, now);
  }

  #renderReads() {
    const { requests, learned, forLoad } = this.summary;
    const met = requests && `${latency(requests.p90)} p90, ${percent(requests.errors)} errors`;
    this.#fact("reads", requests ? perSecond(requests.rate) : "–", requests ? met : "gates report none");
    const needed = forLoad > 0 ? `a replica; ${count(forLoad, "replica")} for the load` : "a replica";
    this.#fact("load", learned === null ? "–" : perSecond(learned), learned === null ? "not learned yet" : needed);
  }

  #renderTip(now) {
    const { tip } = this.summary;
    if (!tip) return this.#fact("tip", "–", "unknown");
    const age = now - tip.movedAt;
    const ago = duration(age);
    const notes = { moving: age < 1.5 ? "advanced just now" : `advanced ${ago} ago`, stalled: `stalled for ${ago}`, halted: `halted for ${ago}` };
    this.#fact("tip", number(tip.ledger), notes[tip.state]);
    mark(this.facts.tip.note.parentElement, "data-state", tip.state);
    return undefined;
  }

  #fact(key, value, note) {
    say(this.facts[key].value, value);
    say(this.facts[key].note, note);
  }
}

// "6 of 5" would be odd.
function sayFresh(fresh, wanted) {
  return fresh > wanted ? number(fresh) : `${number(fresh)} of ${number(wanted)}`;
}

function sayOthers(others, counts) {
  return others.map((its) => `${number(counts[its])} ${CLASSES[its].word.toLowerCase()}`).join(", ");
}

function split(name) {
  const slash = name.indexOf("/");
  return slash < 0 ? ["", name] : [name.slice(0, slash + 1), name.slice(slash + 1)];
}
