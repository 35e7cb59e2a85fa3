// The table of one fleet's replicas, troubled first.

import { arrange, h, mark, say, setShape, shape } from "./dom.js";
import { CLASSES, clock, count, duration, latency, untilFresh, number, perSecond, percent, rate } from "./words.js";

const COLUMNS = [
  ["replica", "Replica"],
  ["class", "Class"],
  ["ledger", "Ledger"],
  ["lag", "Lag"],
  ["rate", "Rate"],
  ["reads", "Requests"],
  ["fresh", "Time to fresh"],
  ["detail", "Node status"],
];
const NUMBERS = new Set(["ledger", "lag", "rate", "reads"]);
const NATURAL = new Intl.Collator("en", { numeric: true });

export class ReplicaTable {
  #rows = new Map();

  /** `onPoint(name or null)` is called as a pointer goes over the rows. */
  constructor(onPoint) {
    const heads = COLUMNS.map(([key, word]) => h("th", { scope: "col", role: "columnheader", class: `cell-${key}${numeric(key)}` }, word));
    this.body = h("tbody", { role: "rowgroup" });
    const head = h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, ...heads));
    const table = h("table", { class: "replicas", role: "table" }, head, this.body);
    this.none = h("p", { class: "none" }, "No replicas found.");
    this.more = h("p", { class: "more", "aria-hidden": "true" });
    this.element = h("div", { class: "replicas-box", tabindex: "0", role: "region", "aria-label": "Replicas" }, table, this.none, this.more);
    this.element.addEventListener("scroll", () => this.#sayMore(), { passive: true });
    new ResizeObserver(() => this.#sayMore()).observe(this.element);
    this.body.addEventListener("pointerover", (event) => onPoint(event.target.closest("tr")?.dataset.replica ?? null));
    this.body.addEventListener("pointerleave", () => onPoint(null));
  }

  update(replicas, now) {
    const rows = new Map();
    const sorted = [...replicas].sort((a, b) => CLASSES[a.class].rank - CLASSES[b.class].rank || NATURAL.compare(a.name, b.name));
    for (const replica of sorted) {
      const row = this.#rows.get(replica.name) ?? buildRow(replica.name);
      updateRow(row, replica, now);
      rows.set(replica.name, row);
    }
    this.#rows = rows;
    this.none.hidden = rows.size > 0;
    mark(this.element, "data-reads", String(replicas.some(({ requests }) => requests !== null)));
    arrange(this.body, [...rows.values()].map(({ element }) => element));
    this.#sayMore();
  }

  // A box that ends between two rows looks as if that were all.
  #sayMore() {
    const { scrollTop, scrollHeight, clientHeight } = this.element;
    const hidden = scrollHeight - clientHeight - scrollTop;
    const row = this.body.firstElementChild?.offsetHeight ?? 0;
    const below = row > 0 ? Math.round(hidden / row) : 0;
    this.more.hidden = below < 1;
    say(this.more, below < 1 ? "" : `${count(below, "more replica")} below`);
  }
}

function numeric(key) {
  return NUMBERS.has(key) ? " number" : "";
}

function buildRow(name) {
  const cells = {};
  const element = h("tr", { role: "row", "data-replica": name });
  for (const [key, word] of COLUMNS) {
    cells[key] = h("td", { role: "cell", class: `cell-${key}${numeric(key)}`, "data-label": word });
    element.append(cells[key]);
  }
  const icon = shape(CLASSES.unknown);
  const word = h("span");
  const since = h("span", { class: "since" });
  cells.class.append(h("span", { class: "tag" }, icon, word), since);
  cells.replica.append(h("bdi", {}, name));
  const own = h("bdi");
  cells.detail.append(own);
  return { element, cells, icon, word, since, own };
}

// What it says of its catch-up begins with its state, mostly.
function ownWords({ class: its, state, detail }) {
  if (its === "unreachable") return detail;
  return detail.startsWith(state) ? detail : [state, detail].filter((text) => text !== "").join(" · ");
}

function sayReads({ p90, errors }) {
  return `${latency(p90)} p90, ${percent(errors)} errors`;
}

function updateRow({ element, cells, icon, word, since, own }, replica, now) {
  const its = CLASSES[replica.class];
  mark(element, "class", `is-${replica.class}`);
  mark(cells.replica, "title", replica.address);
  setShape(icon, its);
  say(word, its.word);
  say(since, replica.since > 0 ? duration(now - replica.since) : "");
  mark(since, "title", replica.since > 0 ? `since ${clock(replica.since)}` : "");
  say(cells.ledger, number(replica.ledger));
  say(cells.lag, number(replica.lag));
  say(cells.rate, rate(replica.rate));
  say(cells.reads, replica.requests ? perSecond(replica.requests.rate) : "");
  mark(cells.reads, "title", replica.requests ? sayReads(replica.requests) : "");
  say(cells.fresh, untilFresh(replica));
  const words = ownWords(replica);
  say(own, words);
  mark(own, "title", words);
}
