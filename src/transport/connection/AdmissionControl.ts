/**
 * AdmissionControl: limits the connections of strangers, per network and over all. Connections of foreign pages count
 * apart, so that a page in a browser cannot keep out programs at the same address. ConnectionSupervisor.ts uses it.
 */
import { networkOf } from "../../domain/Address.ts"
import type { Limits } from "../../domain/Limits.ts"

/** Most foreign pages at once that are connected only to learn why they are refused. */
const FOREIGN_PAGES = 8

export type Admission = "admitted" | "full" | "too-many-unauthenticated" | "too-many-foreign"

export class AdmissionControl {
  readonly #limits: Limits
  readonly #unauthenticated = new Map<string, number>()
  #strangers = 0
  #foreign = 0

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Connections of foreign pages. They do not count towards the limit of all connections. */
  get foreign(): number {
    return this.#foreign
  }

  /** Half of all connections is reserved for clients that have authenticated. */
  get #strangersMax(): number {
    return Math.max(1, Math.floor(this.#limits.connections / 2))
  }

  /** Counts a stranger, if the limits allow it. Call `leave` when it has authenticated or left. */
  admit(remoteAddress: string, isForeign: boolean): Admission {
    if (isForeign) {
      if (this.#foreign >= FOREIGN_PAGES) return "too-many-foreign"
      this.#foreign++
      return "admitted"
    }
    if (this.#strangers >= this.#strangersMax) return "full"
    const source = networkOf(remoteAddress)
    const count = this.#unauthenticated.get(source) ?? 0
    if (count >= this.#limits.unauthenticatedPerAddress) return "too-many-unauthenticated"
    this.#unauthenticated.set(source, count + 1)
    this.#strangers++
    return "admitted"
  }

  leave(remoteAddress: string, isForeign: boolean): void {
    if (isForeign) {
      this.#foreign--
      return
    }
    this.#strangers--
    const source = networkOf(remoteAddress)
    const count = (this.#unauthenticated.get(source) ?? 0) - 1
    if (count > 0) this.#unauthenticated.set(source, count)
    else this.#unauthenticated.delete(source)
  }
}
