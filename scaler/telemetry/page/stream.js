// One stream of server-sent events that comes back by itself, and knows when it is silent for too long.

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 10000;
const SILENCE = 2.5; // heartbeats that may be missed

/** Calls `on[event](data)` for each event, and `on.state(state, retryAt)` with connecting, live or lost. */
export class Stream {
  #url;
  #on;
  #source = null;
  #wait = FIRST_WAIT;
  #timer = null;
  #silence = null;
  #heartbeat = 10;

  constructor(url, on) {
    this.#url = url;
    this.#on = on;
    this.#open();
    this.retryNow = () => this.#retry();
    window.addEventListener("online", this.retryNow);
  }

  close() {
    window.removeEventListener("online", this.retryNow);
    clearTimeout(this.#timer);
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
  }

  #open() {
    const source = new EventSource(this.#url);
    this.#source = source;
    for (const name of ["hello", "fleets", "gone", "history", "details", "live", "beat"]) {
      source.addEventListener(name, (event) => this.#receive(name, JSON.parse(event.data)));
    }
    source.onerror = () => this.#lose();
    this.#listen();
  }

  #receive(name, data) {
    this.#listen();
    if (name === "hello") this.#heartbeat = data.heartbeatSeconds;
    this.#on[name]?.(data);
    if (name === "live") {
      this.#wait = FIRST_WAIT;
      this.#on.state("live");
    }
  }

  // A connection can die without a word: a laptop that slept, a load balancer that forgot.
  #listen() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => this.#lose(), this.#heartbeat * SILENCE * 1000);
  }

  #lose() {
    clearTimeout(this.#silence);
    this.#source?.close();
    this.#source = null;
    const wait = this.#wait * (0.8 + 0.4 * Math.random());
    this.#wait = Math.min(this.#wait * 1.7, LONGEST_WAIT);
    this.#on.state("lost", Date.now() + wait);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#retry(), wait);
  }

  #retry() {
    if (this.#source) return;
    clearTimeout(this.#timer);
    this.#open();
  }
}
