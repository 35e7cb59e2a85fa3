// The page: hears what the scaler sees, keeps one view a fleet, and shows those that are wanted, troubled first.

import { hearState, hearTime, sayConnection, scalerNow } from "./connection.js";
import { arrange, h, say, shape } from "./dom.js";
import { FleetView } from "./fleet.js";
import { chooseAll, chooseWords, isChosen, renderOverview, sayTrouble } from "./overview.js";
import { Stream } from "./stream.js";
import { CLASSES } from "./words.js";

const MOST_OPEN = 16; // fleets that one stream tells in full
const OPEN_ALL = 4; // so few fleets are shown in full

const find = (id) => document.getElementById(id);
const only = new URLSearchParams(location.search).getAll("fleet");
const views = new Map();
const dirty = new Set();
const opened = []; // names, the one opened last at the end
const closedByHand = new Set();
let unseen = new Set();
let details = null;
let detailsTimer = null;
let frame = null;
let isComplete = false;

// ---- what is heard

function hearHello(data) {
  unseen = new Set(views.keys());
  say(find("version"), data.version);
  hearTime(data);
}

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

function hearDetails(data) {
  const view = views.get(data.name);
  if (!view) return;
  view.hear(data);
  dirty.add(view);
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

// Several may open in one go: one stream for all of them.
function streamDetails() {
  clearTimeout(detailsTimer);
  detailsTimer = setTimeout(() => {
    details?.close();
    details = null;
    hearState("details", null);
    if (opened.length === 0) return;
    const query = new URLSearchParams(opened.map((name) => ["fleet", name]));
    details = new Stream(`events?${query}`, {
      fleets: hearSummaries,
      history: (data) => views.get(data.name)?.begin(data),
      details: hearDetails,
      beat: hearTime,
      state: (state, nextTry) => hearState("details", state, nextTry),
    });
  }, 0);
}

// ---- what is shown

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
  const shown = all.filter(isChosen);
  const isFew = all.length < 2;
  arrange(find("fleets"), shown.map((view) => view.element));
  find("empty").hidden = !isComplete || all.length > 0 || only.length > 0;
  find("legend").hidden = all.length === 0;
  find("overview").hidden = isFew;
  find("columns").hidden = isFew || shown.every((view) => view.isOpen);
  find("nothing").hidden = !isComplete || shown.length > 0 || (all.length === 0 && only.length === 0);
  find("only").hidden = only.length === 0;
  say(find("only-words"), `Showing only ${only.join(", ")}.`);
  document.title = `readpool · ${isComplete ? sayTrouble(all) : "connecting"}`;
  renderOverview(all, render);
}

// ---- what the reader does

function listen() {
  find("filter").addEventListener("input", (event) => {
    chooseWords(event.target.value);
    render();
  });
  find("clear").addEventListener("click", () => {
    find("filter").value = "";
    chooseAll();
    render();
  });
  find("copy").addEventListener("click", copyExample);
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

for (const [name, its] of Object.entries(CLASSES).reverse()) {
  find("legend").append(h("li", { class: `is-${name}` }, shape(its), its.word));
}
listen();
new Stream("events", {
  hello: hearHello,
  fleets: hearFleets,
  gone: hearGone,
  live: hearLive,
  beat: hearTime,
  state: (state, nextTry) => hearState("all", state, nextTry),
});
setInterval(() => {
  sayConnection();
  const now = scalerNow();
  for (const name of opened) views.get(name)?.tick(now);
}, 1000);
