// Is what stands on the page still true? The state of the streams, in words, and the scaler's time, which stands still while
// nothing is heard of it: a tip must not look halted because a cable is out.

import { say } from "./dom.js";
import { clock, duration } from "./words.js";

const WORDS = { connecting: "Connecting…", live: "Live", lost: "Disconnected" };

const states = new Map([["all", "connecting"]]);
let heard = { now: Date.now() / 1000, at: performance.now() };
let lostSince = null;
let retryAt = 0;

/** Take the scaler's time from what it says. */
export function hearTime({ now }) {
  heard = { now, at: performance.now() };
}

/** The scaler's time. */
export function scalerNow() {
  return document.body.dataset.connection === "live" ? heardNow() : heard.now;
}

/** Take the state of one of the streams: connecting, live, or lost with the time of the next try; null when it is not needed. */
export function hearState(stream, state, nextTry) {
  if (state === null) states.delete(stream);
  else states.set(stream, state);
  retryAt = nextTry ?? retryAt;
  const all = [...states.values()];
  const worst = ["lost", "connecting"].find((each) => all.includes(each)) ?? "live";
  if (worst === "lost") lostSince ??= heardNow();
  if (worst === "live") lostSince = null;
  document.body.dataset.connection = worst;
  sayConnection();
}

/** Say how the connection is, and while it is lost since when. */
export function sayConnection() {
  const { connection } = document.body.dataset;
  say(document.getElementById("connection-words"), WORDS[connection]);
  document.getElementById("stale").hidden = connection !== "lost";
  if (connection !== "lost") return;
  const wait = retryAt - Date.now();
  say(document.getElementById("stale-since"), `Data as of ${clock(lostSince)}.`);
  say(document.getElementById("stale-wait"), wait > 500 ? `Reconnecting in ${duration(wait / 1000)}.` : "Reconnecting…");
}

function heardNow() {
  return heard.now + (performance.now() - heard.at) / 1000;
}
