/**
 * Counts the connections whose clients have not authenticated: per address, over all, and those of foreign pages apart,
 * so that a page in somebody's browser takes no place of the programs at the same address. Pure; used by Sockets.ts.
 */
import { networkOf } from "../../domain/Address.ts"
import type { Limits } from "../../domain/Limits.ts"

/** A foreign page is told why it is refused where its protocol can say so; these many at once hear it. */
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

  /** Connections of foreign pages, which the limit of all connections leaves out. */
  get foreign(): number {
    return this.#foreign
  }

  /** Half of the connections is kept for clients that have authenticated. */
  get #strangersMax(): number {
    return Math.max(1, Math.floor(this.#limits.connections / 2))
  }

  /** Takes a place, to be given back by `leave`. */
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
