// Above the list: how many fleets need attention, and which of them to show.

import { arrange, h, say, shape } from "./dom.js";
import { HEALTHS, count, network, number } from "./words.js";

const TROUBLED = 2; // from this level of health on, a fleet needs attention

const chips = new Map();
let words = [];
let health = null;

/** Choose by the words of a text. */
export function chooseWords(text) {
  words = text.toLowerCase().split(/\s+/).filter((word) => word !== "");
}

/** Choose all again. */
export function chooseAll() {
  words = [];
  health = null;
}

/** Whether a fleet is among the chosen. */
export function isChosen({ name, summary }) {
  if (health !== null && summary.health !== health) return false;
  const text = `${name} ${network(summary.network)} ${HEALTHS[summary.health].word}`.toLowerCase();
  return words.every((word) => text.includes(word));
}

/** How many fleets need attention, in a few words. */
export function sayTrouble(views) {
  const troubled = countTroubled(views);
  if (views.length === 0) return "no fleets";
  return troubled === 0 ? "all fresh" : count(troubled, "fleet needs attention", "fleets need attention");
}

/** Show the totals, and a chip for each health that is there; `onChoice` is called when one is pressed. */
export function renderOverview(views, onChoice) {
  const sum = (read) => views.reduce((total, { summary }) => total + read(summary), 0);
  const troubled = countTroubled(views);
  const look = troubled === 0 ? "none needs attention" : count(troubled, "needs attention", "need attention");
  const replicas = `${number(sum(({ counts }) => counts.fresh))} of ${count(sum(({ known }) => known), "replica")} fresh`;
  say(document.getElementById("totals"), `${count(views.length, "fleet")}, ${look}. ${replicas}.`);
  renderChips(views, onChoice);
}

function countTroubled(views) {
  return views.filter(({ summary }) => summary.level >= TROUBLED).length;
}

function renderChips(views, onChoice) {
  const counts = new Map();
  for (const { summary } of views) counts.set(summary.health, (counts.get(summary.health) ?? 0) + 1);
  if (health !== null && !counts.has(health)) health = null;
  const wanted = Object.keys(HEALTHS).filter((each) => counts.has(each));
  for (const each of wanted) {
    if (!chips.has(each)) chips.set(each, buildChip(each, onChoice));
    chips.get(each).setAttribute("aria-pressed", String(health === each));
    say(chips.get(each).lastChild, number(counts.get(each)));
  }
  arrange(document.getElementById("chips"), wanted.map((each) => chips.get(each)));
}

function buildChip(its, onChoice) {
  const chip = h("button", { class: "chip", type: "button", "data-tone": HEALTHS[its].tone });
  chip.append(shape(HEALTHS[its]), HEALTHS[its].word, h("b"));
  chip.addEventListener("click", () => {
    health = health === its ? null : its;
    onChoice();
  });
  return chip;
}
