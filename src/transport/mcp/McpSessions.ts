/**
 * McpSessions: the sessions of MCP clients, which the protocol has before its version 2026-07-28. A session belongs to the
 * principal that began it. It ends when nobody uses it for a day, or when newer sessions need its room. McpEndpoint.ts
 * ends the sessions that this module names.
 */

export interface SessionBounds {
  readonly perPrincipal: number
  readonly total: number
  /** Time after which an unused session ends. Desktop clients keep a session open all day, and many never begin another. */
  readonly idleMs: number
}

/** A session takes about 2 KB, or as much as its first request. */
const sessionBounds: SessionBounds = { perPrincipal: 256, total: 2_048, idleMs: 86_400_000 }

interface Session {
  readonly principal: string
  usedAt: number
}

export class McpSessions {
  readonly #bounds: SessionBounds
  /** The least recently used one comes first. */
  readonly #sessions = new Map<string, Session>()

  constructor(bounds: SessionBounds = sessionBounds) {
    this.#bounds = bounds
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Notes that the principal uses its session. Returns whether the principal has this session. */
  use(id: string, principal: string, now: number): boolean {
    const session = this.#sessions.get(id)
    if (session?.principal !== principal) return false
    session.usedAt = now
    this.#sessions.delete(id)
    this.#sessions.set(id, session)
    return true
  }

  add(id: string, principal: string, now: number): void {
    this.#sessions.set(id, { principal, usedAt: now })
  }

  remove(id: string): void {
    this.#sessions.delete(id)
  }

  /** Removes the idle sessions and those above the bounds, the least recently used first. Returns their ids. */
  removeExcess(now: number): ReadonlyArray<string> {
    const { idleMs, perPrincipal, total } = this.#bounds
    const counts = new Map<string, number>()
    for (const { principal } of this.#sessions.values()) counts.set(principal, (counts.get(principal) ?? 0) + 1)
    const removed: Array<string> = []
    for (const [id, { principal, usedAt }] of this.#sessions) {
      const count = counts.get(principal)!
      const isWithin = count <= perPrincipal && this.#sessions.size <= total && now - usedAt < idleMs
      if (isWithin) continue
      counts.set(principal, count - 1)
      this.#sessions.delete(id)
      removed.push(id)
    }
    return removed
  }
}
