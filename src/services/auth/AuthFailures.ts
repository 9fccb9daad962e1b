/**
 * AuthFailures: counts failed logins by kind of credential and network, and says when a network is locked out for that
 * kind. Authenticator.ts uses it. Pure: the caller brings the time.
 *
 * Memory is bounded, and filling it helps nobody. A network that failed at least twice keeps its count until it expires.
 * Networks that failed once are forgotten together when the table is full: a guesser gains one try by it. If every place
 * belongs to networks that failed twice, further networks are not counted. They are not locked out, and the delay of a
 * network at the limit holds back each of their failures.
 */
import { networkOf } from "../../domain/Address.ts"

/** What a client presents as. */
export type CredentialKind = "token" | "password" | "device-token"

/** About 10 MB when full. */
const MAX_ENTRIES = 65_536

/** In the time that a failure counts. */
const SWEEPS = 4

interface Entry {
  readonly failures: number
  readonly lastAt: number
}

const keyOf = (kind: CredentialKind, address: string): string => `${kind} ${networkOf(address)}`

export class AuthFailures {
  readonly #limit: number
  readonly #memoryMs: number
  readonly #maxEntries: number
  /** Networks that failed once, unless one failure locks out. */
  readonly #once = new Map<string, Entry>()
  readonly #repeated = new Map<string, Entry>()
  #sweptAt = 0

  /** `limit` failures lock a network out for `memoryMs`, which is also how long a failure counts. */
  constructor(limit: number, memoryMs: number, maxEntries = MAX_ENTRIES) {
    this.#limit = Math.max(1, limit)
    this.#memoryMs = memoryMs
    this.#maxEntries = maxEntries
  }

  /** Returns 0 if the network is not locked out. */
  lockedOutForMs(kind: CredentialKind, address: string, now: number): number {
    const entry = this.#find(keyOf(kind, address), now)
    return entry === undefined || entry.failures < this.#limit ? 0 : entry.lastAt + this.#memoryMs - now
  }

  /** Counts a failure. Returns how many the network has, or the limit if there is no place to count them. */
  fail(kind: CredentialKind, address: string, now: number): number {
    const key = keyOf(kind, address)
    const failures = (this.#find(key, now)?.failures ?? 0) + 1
    this.#delete(key)
    this.#sweep(now)
    if (this.size >= this.#maxEntries) {
      if (this.#once.size === 0) return this.#limit
      this.#once.clear()
    }
    const table = failures === 1 && this.#limit > 1 ? this.#once : this.#repeated
    table.set(key, { failures, lastAt: now })
    return failures
  }

  /** Forgets the failures of one kind. Those of other kinds count on. */
  forget(kind: CredentialKind, address: string): void {
    this.#delete(keyOf(kind, address))
  }

  get size(): number {
    return this.#once.size + this.#repeated.size
  }

  #find(key: string, now: number): Entry | undefined {
    const entry = this.#once.get(key) ?? this.#repeated.get(key)
    return entry !== undefined && this.#isRecent(entry, now) ? entry : undefined
  }

  #delete(key: string): void {
    if (!this.#once.delete(key)) this.#repeated.delete(key)
  }

  /** Deletes what has expired, now and then: a look at all entries for each failure would be a burden under attack. */
  #sweep(now: number): void {
    const elapsed = now - this.#sweptAt
    if (elapsed >= 0 && elapsed < this.#memoryMs / SWEEPS) return
    this.#sweptAt = now
    for (const table of [this.#once, this.#repeated]) {
      for (const [key, entry] of table) if (!this.#isRecent(entry, now)) table.delete(key)
    }
  }

  /** A failure in the future happened before the clock was set back. It must not lock anybody out until then. */
  #isRecent({ lastAt }: Entry, now: number): boolean {
    return now - lastAt < this.#memoryMs && lastAt <= now
  }
}
