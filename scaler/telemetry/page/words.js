// How things are said: numbers, durations, and the word and shape of each class and each health. Nothing here touches data.

/** The class of a replica: its word, its place in a list (troubled first), and its shape in a 12 by 12 box. */
export const CLASSES = {
  unreachable: { word: "Unreachable", rank: 0, shape: "M2.2 2.2l7.6 7.6M9.8 2.2l-7.6 7.6", stroke: true },
  lagging: { word: "Lagging", rank: 1, shape: "M.8 2h10.4L6 11.2z" },
  foreign: { word: "Other network", rank: 2, shape: "M6 .3l5.7 5.7L6 11.7.3 6z" },
  catchingUp: { word: "Catching up", rank: 3, shape: "M6 .8l5.2 9.2H.8z" },
  unknown: { word: "Not observed yet", rank: 4, shape: "M6 1.8a4.2 4.2 0 1 0 .01 0z", stroke: true },
  fresh: { word: "Fresh", rank: 5, shape: "M6 1a5 5 0 1 0 .01 0z" },
};

/** How a fleet is: its word, the colour it borrows, and its shape. */
export const HEALTHS = {
  none_fresh: { word: "None fresh", tone: "unreachable", shape: CLASSES.unreachable.shape, stroke: true },
  no_data: { word: "No data", tone: "lagging", shape: CLASSES.unknown.shape, stroke: true },
  halted: { word: "Network halted", tone: "unreachable", shape: "M1.5 1h3.5v10H1.5zM7 1h3.5v10H7z" },
  stalled: { word: "Network stalled", tone: "lagging", shape: "M1.5 1h3.5v10H1.5zM7 1h3.5v10H7z" },
  degraded: { word: "Degraded", tone: "lagging", shape: CLASSES.lagging.shape },
  recovering: { word: "Recovering", tone: "catchingUp", shape: CLASSES.catchingUp.shape },
  fresh: { word: "All fresh", tone: "fresh", shape: CLASSES.fresh.shape },
};

const NETWORKS = {
  "Public Global Stellar Network ; September 2015": "Public network",
  "Test SDF Network ; September 2015": "Testnet",
  "Test SDF Future Network ; October 2022": "Futurenet",
};

const NUMBER = new Intl.NumberFormat("en-US");
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const SHORT_CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });

/** A whole number with thousands apart; a dash where there is none. */
export const number = (value) => (value === null || value === undefined ? "–" : NUMBER.format(value));

/** A number of things: "1 replica", "5 replicas". */
export const count = (value, one, many = `${one}s`) => `${number(value)} ${value === 1 ? one : many}`;

/** A time of day from Unix seconds. */
export const clock = (at) => CLOCK.format(at * 1000);
export const shortClock = (at) => SHORT_CLOCK.format(at * 1000);

/** The name of a network from its passphrase, which is a node's word unless it is a known one. */
export const network = (passphrase) => (passphrase ? (NETWORKS[passphrase] ?? passphrase) : "network unknown");

/** How long, in at most two units. */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 100) return `${whole} s`;
  const minutes = Math.round(whole / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** How fast, in ledgers a second. */
export function rate(value) {
  if (value === null) return "–";
  return `${Math.abs(value) < 10 ? value.toFixed(2) : number(Math.round(value))}/s`;
}

/** How many requests a second. */
export function perSecond(value) {
  return `${value < 10 ? value.toFixed(1) : number(Math.round(value))}/s`;
}

/** A time of milliseconds. */
export function latency(value) {
  if (value === null) return "–";
  return value < 1000 ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
}

/** A share of a hundred. */
export const percent = (value) => `${value === 0 || value >= 10 ? Math.round(value) : value.toFixed(1)} %`;

/** How long until a replica is fresh. */
export function untilFresh(replica) {
  if (replica.class === "fresh" || replica.class === "unreachable") return "";
  if (replica.toFresh !== null) return duration(replica.toFresh);
  return replica.class === "lagging" ? "not catching up" : "";
}
