/**
 * Histogram: counts durations in buckets. Recording one allocates nothing. The authorization of calls and the writes to
 * storage record with it, and Metrics.ts of the transport shows it.
 */

/** Upper bounds of the buckets, in seconds. */
const BOUNDS = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 60]

export class Histogram {
  /** Durations in each bucket. The last one counts those above all bounds. */
  readonly #counts: Array<number> = Array.from({ length: BOUNDS.length + 1 }, () => 0)
  /** Seconds. */
  sum = 0
  min = Number.POSITIVE_INFINITY
  max = 0

  /** Records a duration of `ms` milliseconds. */
  record(ms: number): void {
    const seconds = ms / 1_000
    let bucket = 0
    while (bucket < BOUNDS.length && seconds > BOUNDS[bucket]!) bucket++
    this.#counts[bucket]!++
    this.sum += seconds
    if (seconds < this.min) this.min = seconds
    if (seconds > this.max) this.max = seconds
  }

  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /** Returns each bound with the number of durations up to it. */
  buckets(): Array<[bound: number, count: number]> {
    let sum = 0
    return BOUNDS.map((bound, i) => [bound, (sum += this.#counts[i]!)])
  }
}

/** Histograms by a label, each made when it is first needed. */
export class Histograms<Label> {
  readonly all = new Map<Label, Histogram>()

  of(label: Label): Histogram {
    let histogram = this.all.get(label)
    if (histogram === undefined) this.all.set(label, (histogram = new Histogram()))
    return histogram
  }
}
