// The page: hears what the scaler sees, keeps one view a fleet, and shows those that are wanted, troubled first.

import { arrange, h, say, shape } from "./dom.js";
import { FleetView, isAbout, sayTrouble } from "./fleet.js";
import { Stream } from "./stream.js";
import { CLASSES, HEALTHS, clock, count, duration, number } from "./words.js";

const MOST_OPEN = 16;
const OPEN_ALL = 4; // so few fleets are shown in full
const TROUBLED = 2; // from this level on a fleet needs a look

const find = (id) => document.getElementById(id);
const only = new URLSearchParams(location.search).getAll("fleet");
const views = new Map();
const dirty = new Set();
const opened = []; // names, the one opened last at the end
const closedByHand = new Set();
const states = { all: "connecting", named: "live" };
let filter = [];
let healthOnly = null;
let unseen = new Set();
let details = null;
let frame = null;
let lastNow = Date.now() / 1000;
let heardAt = performance.now();
let lostSince = null;
let retryAt = null;
let isComplete = false;

// ---- time: the scaler's, which stands still while nothing is heard of it

function hearTime({ now }) {
  lastNow = now;
  heardAt = performance.now();
}

function scalerNow() {
  const isLive = document.body.dataset.connection === "live";
  return isLive ? lastNow + (performance.now() - heardAt) / 1000 : lastNow;
}

// ---- what is heard

function hearFleets(data) {
  for (const { name } of data.fleets) {
    if (only.length > 0 && !only.includes(name)) continue;
    if (!views.has(name)) addView(name);
    unseen.delete(name);
  }
  hearSummaries(data);
}

// The second stream may be behind the first: it never brings back a fleet that is gone.
function hearSummaries(data) {
  hearTime(data);
  for (const summary of data.fleets) {
    const view = views.get(summary.name);
    if (!view) continue;
    view.summary = summary;
    dirty.add(view);
  }
  render();
}

function hearGone({ fleets }) {
  for (const name of fleets) removeView(name);
  render();
}

function hearLive(data) {
  hearTime(data);
  for (const name of unseen) removeView(name);
  const isFirst = !isComplete;
  isComplete = true;
  if (isFirst) openAtFirst();
  render();
}

function addView(name) {
  const view = new FleetView(name, toggle);
  views.set(name, view);
  if (isComplete && views.size <= OPEN_ALL) open(view);
}

function removeView(name) {
  const view = views.get(name);
  if (!view) return;
  views.delete(name);
  dirty.delete(view);
  if (view.isOpen) close(view);
}

// ---- which fleets are open, and so are streamed in full

function openAtFirst() {
  if (views.size > OPEN_ALL && only.length === 0) return;
  for (const view of sorted().slice(0, MOST_OPEN)) open(view);
}

function toggle(view) {
  if (view.isOpen) {
    closedByHand.add(view.name);
    close(view);
  } else {
    closedByHand.delete(view.name);
    open(view);
  }
  render();
}

function open(view) {
  if (view.isOpen || closedByHand.has(view.name)) return;
  if (opened.length >= MOST_OPEN) close(views.get(opened[0]));
  opened.push(view.name);
  view.open(true);
  dirty.add(view);
  streamDetails();
}

function close(view) {
  opened.splice(opened.indexOf(view.name), 1);
  view.open(false);
  streamDetails();
}

let detailsTimer = null;

function streamDetails() {
  clearTimeout(detailsTimer);
  detailsTimer = setTimeout(() => {
    details?.close();
    details = null;
    hearState("named", "live");
    if (opened.length === 0) return;
    const query = new URLSearchParams(opened.map((name) => ["fleet", name]));
    details = new Stream(`events?${query}`, {
      fleets: hearSummaries,
      history: (data) => views.get(data.name)?.begin(data),
      details: (data) => hearDetails(data),
      beat: hearTime,
      state: (state, at) => hearState("named", state, at),
    });
  }, 0);
}

function hearDetails(data) {
  const view = views.get(data.name);
  if (!view) return;
  view.hear(data);
  dirty.add(view);
  render();
}

// ---- the connection

function hearState(which, state, at) {
  states[which] = state;
  const all = Object.values(states);
  const worst = all.includes("lost") ? "lost" : all.includes("connecting") ? "connecting" : "live";
  if (worst === "lost") {
    lostSince ??= lastNow + (performance.now() - heardAt) / 1000;
    retryAt = at ?? retryAt;
  } else if (worst === "live") {
    lostSince = null;
  }
  document.body.dataset.connection = worst;
  sayConnection();
}

function sayConnection() {
  const state = document.body.dataset.connection;
  say(find("connection-words"), { connecting: "Connecting…", live: "Live", lost: "Disconnected" }[state]);
  find("stale").hidden = state !== "lost";
  if (state !== "lost") return;
  const wait = retryAt - Date.now();
  say(find("stale-since"), isComplete ? `What you see is from ${clock(lostSince)}.` : "Nothing has been heard of the scaler yet.");
  say(find("stale-wait"), wait > 500 ? `Trying again in ${duration(wait / 1000)}.` : "Trying again.");
}

// ---- the list

function sorted() {
  return [...views.values()].sort((a, b) => b.summary.level - a.summary.level || (a.name < b.name ? -1 : 1));
}

function render() {
  frame ??= requestAnimationFrame(() => {
    frame = null;
    const now = scalerNow();
    for (const view of dirty) view.render(now);
    dirty.clear();
    renderList();
  });
}

function renderList() {
  const all = sorted();
  const shown = all.filter((view) => (healthOnly === null || view.summary.health === healthOnly) && isAbout(view, filter));
  arrange(find("fleets"), shown.map((view) => view.element));
  const isFew = all.length < 2;
  find("empty").hidden = !isComplete || all.length > 0 || only.length > 0;
  find("legend").hidden = all.length === 0;
  find("overview").hidden = isFew;
  find("columns").hidden = isFew || shown.every((view) => view.isOpen);
  find("nothing").hidden = !isComplete || shown.length > 0 || (all.length === 0 && only.length === 0);
  find("only").hidden = only.length === 0;
  say(find("only-words"), `Only ${only.join(", ")}.`);
  renderTotals(all);
}

function renderTotals(all) {
  const troubled = all.filter((view) => view.summary.level >= TROUBLED).length;
  document.title = `readpool · ${isComplete ? sayTrouble(troubled, all.length) : "connecting"}`;
  const fresh = all.reduce((sum, view) => sum + view.summary.counts.fresh, 0);
  const known = all.reduce((sum, view) => sum + view.summary.known, 0);
  const look = troubled === 0 ? "none needs a look" : count(troubled, "needs a look", "need a look");
  say(find("totals"), `${count(all.length, "fleet")}, ${look}. ${number(fresh)} of ${count(known, "replica")} fresh.`);
  renderChips(all);
}

const chips = new Map();

function renderChips(all) {
  const counts = new Map();
  for (const view of all) counts.set(view.summary.health, (counts.get(view.summary.health) ?? 0) + 1);
  if (healthOnly !== null && !counts.has(healthOnly)) healthOnly = null;
  const wanted = Object.keys(HEALTHS).filter((health) => counts.has(health));
  for (const health of wanted) {
    if (!chips.has(health)) chips.set(health, buildChip(health));
    const chip = chips.get(health);
    chip.setAttribute("aria-pressed", String(healthOnly === health));
    say(chip.lastChild, number(counts.get(health)));
  }
  arrange(find("chips"), wanted.map((health) => chips.get(health)));
}

function buildChip(health) {
  const its = HEALTHS[health];
  const chip = h("button", { class: "chip", type: "button", "data-tone": its.tone }, shape(its), its.word, h("b"));
  chip.addEventListener("click", () => {
    healthOnly = healthOnly === health ? null : health;
    render();
  });
  return chip;
}

// ---- what the reader does

function listen() {
  find("filter").addEventListener("input", (event) => {
    filter = event.target.value.toLowerCase().split(/\s+/).filter((word) => word !== "");
    render();
  });
  find("clear").addEventListener("click", () => {
    find("filter").value = "";
    filter = [];
    healthOnly = null;
    render();
  });
  find("copy").addEventListener("click", copyExample);
  for (const [name, its] of Object.entries(CLASSES).reverse()) {
    find("legend").append(h("li", { class: `is-${name}` }, shape(its), its.word));
  }
}

async function copyExample() {
  try {
    await navigator.clipboard.writeText(find("example").textContent);
    say(find("copy"), "Copied");
  } catch {
    getSelection().selectAllChildren(find("example")); // no clipboard without HTTPS: selected, ready for the keyboard
    say(find("copy"), "Selected");
  }
  setTimeout(() => say(find("copy"), "Copy"), 2000);
}

listen();
new Stream("events", {
  hello: (data) => {
    unseen = new Set(views.keys());
    say(find("version"), data.version);
    hearTime(data);
  },
  fleets: hearFleets,
  gone: hearGone,
  live: hearLive,
  beat: hearTime,
  state: (state, at) => hearState("all", state, at),
});
setInterval(() => {
  sayConnection();
  const now = scalerNow();
  for (const name of opened) views.get(name)?.tick(now);
}, 1000);
