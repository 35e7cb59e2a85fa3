// Where a time and a lag are on the chart. The lag's scale is even near 0 and logarithmic further up, so that 3 and 5,000
// ledgers can both be read off it.

const FONT = 15.5; // the sizes hold at this size of the root font, and grow with it
const TOP = 14;
const BOTTOM = 24;
const LEFT = 46;
const RIGHT = 132;
const RIGHT_NARROW = 92;
const NARROW = 520;
const HEIGHTS = [232, 340];
const SHORTEST = 60; // seconds shown at least
const CALM = 300; // below this part of the threshold the scale is even
const TICKS = [0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000, 30000, 100000, 1000000, 10000000];
const TICK_GAP = 20;
const STEPS = [10, 15, 30, 60, 120, 300];
const STEP_GAP = 76;

export class Scale {
  constructor({ width, times, now, threshold, worst }) {
    this.em = parseFloat(getComputedStyle(document.documentElement).fontSize) / FONT;
    this.width = width;
    this.height = Math.round(Math.max(HEIGHTS[0], Math.min(HEIGHTS[1] * this.em, width * 0.36)));
    this.left = LEFT * this.em;
    this.right = width - (width < NARROW ? RIGHT_NARROW : RIGHT) * this.em;
    this.top = TOP;
    this.bottom = this.height - BOTTOM * this.em;
    this.end = Math.max(now, times.at(-1) ?? 0);
    this.begin = Math.min(this.end - SHORTEST, times[0] ?? this.end);
    this.threshold = threshold;
    this.unit = Math.max(1, threshold / CALM);
    this.most = Math.log10(1 + (1.7 * Math.max(worst, threshold, 3)) / this.unit);
  }

  x(at) {
    return this.left + ((at - this.begin) / (this.end - this.begin)) * (this.right - this.left);
  }

  y(lag) {
    return this.bottom - (Math.log10(1 + lag / this.unit) / this.most) * (this.bottom - this.top);
  }

  /** The time at a place. */
  at(x) {
    return this.begin + ((x - this.left) / (this.right - this.left)) * (this.end - this.begin);
  }

  /** Lags worth a line: far enough from one another and from the threshold. */
  *ticks() {
    const gap = TICK_GAP * this.em;
    let last = Infinity;
    for (const tick of TICKS) {
      const y = this.y(tick);
      if (y < this.top || last - y < gap || Math.abs(y - this.y(this.threshold)) < gap) continue;
      last = y;
      yield tick;
    }
  }

  /** Times worth a word, with the seconds between them. */
  *times() {
    const room = (this.right - this.left) / (STEP_GAP * this.em);
    const step = STEPS.find((each) => (this.end - this.begin) / each <= room) ?? STEPS.at(-1);
    for (let at = Math.ceil(this.begin / step) * step; at <= this.end; at += step) yield { at, step };
  }
}
