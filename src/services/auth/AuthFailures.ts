/**
 * AuthFailures: counts failed sign-ins by kind of credential and network, and decides when a network is locked out for
 * that kind. Authenticator uses it. The caller passes the time.
 *
 * Memory is bounded, and an attacker gains nothing by filling it. A network with two failures keeps its count until it
 * expires. A full table forgets all networks with one failure, which gives a guesser one more try. If every place belongs
 * to a network with two failures, further networks are not counted. They are not locked out, and each of their failures
 * is delayed like that of a network at the limit.
 */
import { networkOf } from "../../domain/Address.ts"
import type { CredentialKind } from "../../domain/Refusal.ts"

/** About 10 MB when full. */
const MAX_COUNTS = 65_536

/** Sweeps of the table within the time that a failure counts. */
const SWEEPS_PER_EXPIRY = 4

interface FailureCount {
  readonly failures: number
  readonly lastAt: number
}

const keyOf = (kind: CredentialKind, address: string): string => `${kind} ${networkOf(address)}`

export class AuthFailures {
  readonly #limit: number
  readonly #memoryMs: number
  readonly #maxCounts: number
  /** Networks that failed once, unless one failure locks out. */
  readonly #once = new Map<string, FailureCount>()
  readonly #repeated = new Map<string, FailureCount>()
  #sweptAt = 0

  /** `limit` failures lock a network out for `memoryMs` milliseconds. A failure counts for the same time. */
  constructor(limit: number, memoryMs: number, maxCounts = MAX_COUNTS) {
    this.#limit = Math.max(1, limit)
    this.#memoryMs = memoryMs
    this.#maxCounts = maxCounts
  }

  /** Returns the remaining milliseconds of the lockout, or 0 if the network is not locked out. */
  lockedOutForMs(kind: CredentialKind, address: string, now: number): number {
    const count = this.#find(keyOf(kind, address), now)
    return count === undefined || count.failures < this.#limit ? 0 : count.lastAt + this.#memoryMs - now
  }

  /** Counts a failure. Returns the failures of the network, or the limit if there is no place to count them. */
  fail(kind: CredentialKind, address: string, now: number): number {
    const key = keyOf(kind, address)
    const failures = (this.#find(key, now)?.failures ?? 0) + 1
    this.#delete(key)
    this.#sweep(now)
    if (this.size >= this.#maxCounts) {
      if (this.#once.size === 0) return this.#limit
      this.#once.clear()
    }
    const table = failures === 1 && this.#limit > 1 ? this.#once : this.#repeated
    table.set(key, { failures, lastAt: now })
    return failures
  }

  /** Forgets the failures of one kind. Failures of other kinds still count. */
  forget(kind: CredentialKind, address: string): void {
    this.#delete(keyOf(kind, address))
  }

  get size(): number {
    return this.#once.size + this.#repeated.size
  }

  #find(key: string, now: number): FailureCount | undefined {
    const count = this.#once.get(key) ?? this.#repeated.get(key)
    return count !== undefined && this.#isRecent(count, now) ? count : undefined
  }

  #delete(key: string): void {
    if (!this.#once.delete(key)) this.#repeated.delete(key)
  }

  /** Deletes expired counts from time to time. A scan for each failure would cost too much under attack. */
  #sweep(now: number): void {
    const elapsed = now - this.#sweptAt
    if (elapsed >= 0 && elapsed < this.#memoryMs / SWEEPS_PER_EXPIRY) return
    this.#sweptAt = now
    for (const table of [this.#once, this.#repeated]) {
      for (const [key, count] of table) if (!this.#isRecent(count, now)) table.delete(key)
    }
  }

  /** Ignores failures in the future: somebody set the clock back since. They must not lock a network out until then. */
  #isRecent({ lastAt }: FailureCount, now: number): boolean {
    return now - lastAt < this.#memoryMs && lastAt <= now
  }
}
