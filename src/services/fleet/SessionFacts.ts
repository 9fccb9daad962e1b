/**
 * SessionFacts: the sessions of a gateway by agent, with the foremost session of each: the newest of those at work, or else
 * the newest. Its cost does not grow with the sessions, except when the newest one goes. CardMerge.ts and LocalCards.ts use
 * it.
 */

interface Fact {
  readonly key: string
  readonly agentId: string
  readonly activity: string
  readonly updatedAt: number
}

interface OfAgent<F> {
  /** Those with a run that waits or is in progress. */
  readonly atWork: Map<string, F>
  newest: F | undefined
}

/** All sessions of a gateway. */
export interface AllSessions<F> {
  get(key: string): F | undefined
  values(): Iterable<F>
}

/** Equal times are rare. The key makes the choice the same everywhere. */
const isNewer = (a: Fact, b: Fact | undefined): boolean =>
  b === undefined || a.updatedAt > b.updatedAt || (a.updatedAt === b.updatedAt && a.key > b.key)

const newestOf = <F extends Fact>(facts: Iterable<F>): F | undefined => {
  let newest: F | undefined
  for (const fact of facts) if (isNewer(fact, newest)) newest = fact
  return newest
}

/** Returns the foremost session of each agent: the newest of those at work, or else the newest. */
export const foremostOf = <F extends Fact>(facts: Iterable<F>): ReadonlyMap<string, F> => {
  const foremost = new Map<string, F>()
  for (const fact of facts) {
    const best = foremost.get(fact.agentId)
    const isAtWork = fact.activity !== "idle"
    const wins = best === undefined || ((best.activity !== "idle") === isAtWork ? isNewer(fact, best) : isAtWork)
    if (wins) foremost.set(fact.agentId, fact)
  }
  return foremost
}

export class SessionFacts<F extends Fact> {
  readonly #agents = new Map<string, OfAgent<F>>()
  readonly #all: AllSessions<F>
  /** The sessions, unless somebody else has them. */
  readonly #own: Map<string, F> | undefined

  /** `all`: an index that already has each change, and in which no session changes its agent. */
  constructor(all?: AllSessions<F>) {
    this.#own = all === undefined ? new Map() : undefined
    this.#all = all ?? this.#own!
  }

  clear(): void {
    this.#agents.clear()
    this.#own?.clear()
  }

  /** Returns the ids of the agents whose foremost session may have changed. */
  put(fact: F): ReadonlyArray<string> {
    const { agentId, key } = fact
    const known = this.#own?.get(key)
    const before = known === undefined || known.agentId === agentId ? [] : this.remove(key)
    this.#own?.set(key, fact)
    const sessions: OfAgent<F> = this.#agents.get(agentId) ?? { atWork: new Map(), newest: undefined }
    this.#agents.set(agentId, sessions)
    const { atWork, newest } = sessions
    if (fact.activity === "idle") atWork.delete(key)
    else atWork.set(key, fact)
    if (newest?.key === key && isNewer(newest, fact)) sessions.newest = this.#newestOf(agentId)
    else if (newest?.key === key || isNewer(fact, newest)) sessions.newest = fact
    return [...before, agentId]
  }

  /** Returns the ids of the agents whose foremost session may have changed. */
  remove(key: string): ReadonlyArray<string> {
    this.#own?.delete(key)
    const changed: Array<string> = []
    for (const [agentId, sessions] of this.#agents) {
      const wasAtWork = sessions.atWork.delete(key)
      if (sessions.newest?.key === key) sessions.newest = this.#newestOf(agentId)
      else if (!wasAtWork) continue
      changed.push(agentId)
      if (sessions.newest === undefined) this.#agents.delete(agentId)
    }
    return changed
  }

  /** Returns the id of the session's agent, or an empty list. */
  agentsOf(key: string): ReadonlyArray<string> {
    const session = this.#all.get(key)
    return session === undefined ? [] : [session.agentId]
  }

  /** Returns the keys of the agent's sessions with a run that waits or is in progress. */
  atWork(agentId: string): ReadonlyArray<string> {
    return [...(this.#agents.get(agentId)?.atWork.keys() ?? [])]
  }

  foremost(agentId: string): F | undefined {
    const sessions = this.#agents.get(agentId)
    return sessions && (newestOf(sessions.atWork.values()) ?? sessions.newest)
  }

  /** Reads all sessions, which happens when the newest one of an agent goes. */
  #newestOf(agentId: string): F | undefined {
    let newest: F | undefined
    for (const fact of this.#all.values()) if (fact.agentId === agentId && isNewer(fact, newest)) newest = fact
    return newest
  }
}
