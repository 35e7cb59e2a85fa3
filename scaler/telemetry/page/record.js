// The lag of each replica of one fleet over the last minutes, as the scaler recorded it, carried on with what comes live.

const SPAN = 16 * 60;
const FULL = 15 * 60;
const STEP = 1;
const UNANSWERED = new Set(["unreachable", "unknown", "foreign"]);

export class LagRecord {
  times = [];
  lags = new Map();

  /** Begin with the scaler's own record. */
  begin({ times, lags }) {
    this.times = times;
    this.lags = new Map(Object.entries(lags));
  }

  /** Carry on with the replicas at time `at`; within a second the worse lag stays. */
  add(at, replicas) {
    if (this.times.length === 0 || at - this.times.at(-1) >= STEP) this.#beginRow(at);
    const last = this.times.length - 1;
    for (const replica of replicas) {
      if (replica.lag === null || UNANSWERED.has(replica.class)) continue;
      const column = this.lags.get(replica.name) ?? this.#addColumn(replica.name);
      if (column[last] === null || replica.lag > column[last]) column[last] = replica.lag;
    }
  }

  /** The row that is nearest to time `at`. */
  nearest(at) {
    let best = -1;
    for (let row = this.times.length - 1; row >= 0; row -= 1) {
      if (best >= 0 && Math.abs(this.times[row] - at) > Math.abs(this.times[best] - at)) break;
      best = row;
    }
    return best;
  }

  /** Who was how far behind in a row, the worst first; those of whom nothing was known are left out. */
  valuesAt(row) {
    const values = [...this.lags].map(([name, column]) => ({ name, lag: column[row] })).filter(({ lag }) => lag !== null);
    return values.sort((a, b) => b.lag - a.lag || (a.name < b.name ? -1 : 1));
  }

  /** The row up to which a replica was on its way to fresh for the first time; -1 for one that was fresh before. */
  arrival(column, threshold) {
    const first = column.findIndex((lag) => lag !== null);
    if (first < 0 || column[first] < threshold) return -1;
    const isCut = first === 0 && this.times.at(-1) - this.times[0] > FULL; // what it was before is not known any more
    if (isCut) return -1;
    const fresh = column.findIndex((lag) => lag !== null && lag < threshold);
    return fresh < 0 ? column.length - 1 : fresh;
  }

  /** The largest lag of the whole record. */
  worst() {
    let worst = 0;
    for (const column of this.lags.values()) for (const lag of column) if (lag > worst) worst = lag;
    return worst;
  }

  #beginRow(at) {
    this.times.push(at);
    for (const column of this.lags.values()) column.push(null);
    const old = this.times.findIndex((time) => time >= at - SPAN);
    if (old > 0) {
      this.times.splice(0, old);
      for (const [name, column] of this.lags) {
        column.splice(0, old);
        if (column.every((lag) => lag === null)) this.lags.delete(name);
      }
    }
  }

  #addColumn(name) {
    const column = new Array(this.times.length).fill(null);
    this.lags.set(name, column);
    return column;
  }
}
