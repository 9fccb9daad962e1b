/**
 * Who has presented wrong tokens, by address (of IPv6, by network), for as long as it matters. Pure: the caller brings
 * the time. Bounded: of very many addresses, those that failed longest ago are forgotten first.
 */
import { networkOf } from "../domain/Address.ts"

const MAX_ADDRESSES = 10_000

interface Record {
  failures: number
  lastAt: number
}

export class Guesses {
  readonly #limit: number
  readonly #memoryMs: number
  /** In the order of the newest failure. */
  readonly #records = new Map<string, Record>()

  /** `limit` failures lock an address out for `memoryMs`, which is also how long a failure is remembered. */
  constructor(limit: number, memoryMs: number) {
    this.#limit = limit
    this.#memoryMs = memoryMs
  }

  /** 0: it is not. */
  lockedOutForMs(address: string, now: number): number {
    const record = this.#records.get(networkOf(address))
    if (record === undefined || record.failures < this.#limit) return 0
    return this.#isRecent(record, now) ? record.lastAt + this.#memoryMs - now : 0
  }

  /** Counts one more and tells how many that makes. */
  fail(address: string, now: number): number {
    const source = networkOf(address)
    const record = this.#records.get(source)
    const failures = record !== undefined && this.#isRecent(record, now) ? record.failures + 1 : 1
    this.#records.delete(source)
    this.#records.set(source, { failures, lastAt: now })
    if (this.#records.size > MAX_ADDRESSES) this.#records.delete(this.#records.keys().next().value!)
    return failures
  }

  /** A failure from the future was before the clock was set back: it must not lock anybody out until then. */
  #isRecent({ lastAt }: Record, now: number): boolean {
    return now - lastAt < this.#memoryMs && lastAt <= now
  }

  forget(address: string): void {
    this.#records.delete(networkOf(address))
  }

  get size(): number {
    return this.#records.size
  }
}
