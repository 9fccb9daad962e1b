/**
 * SessionFacts: the sessions of a gateway by agent, with the foremost session of each: the newest of those at work, or else
 * the newest. Its cost does not grow with the sessions, except when the newest one goes. CardMerge.ts uses it.
 */

interface Fact {
  readonly key: string
  readonly agentId: string
  readonly activity: string
  readonly updatedAt: number
}

interface OfAgent<F> {
  readonly all: Map<string, F>
  /** Those with a run that waits or is in progress. */
  readonly atWork: Map<string, F>
  newest: F | undefined
}

/** Equal times are rare. The key makes the choice the same everywhere. */
const isNewer = (a: Fact, b: Fact | undefined): boolean =>
  b === undefined || a.updatedAt > b.updatedAt || (a.updatedAt === b.updatedAt && a.key > b.key)

const newestOf = <F extends Fact>(facts: Iterable<F>): F | undefined => {
  let newest: F | undefined
  for (const fact of facts) if (isNewer(fact, newest)) newest = fact
  return newest
}

export class SessionFacts<F extends Fact> {
  readonly #agents = new Map<string, OfAgent<F>>()

  clear(): void {
    this.#agents.clear()
  }

  /** Returns the ids of the agents whose foremost session may have changed. */
  put(fact: F): ReadonlyArray<string> {
    const { agentId, key } = fact
    const before = this.#agents.get(agentId)?.all.has(key) === true ? [] : this.remove(key)
    const sessions: OfAgent<F> = this.#agents.get(agentId) ?? { all: new Map(), atWork: new Map(), newest: undefined }
    this.#agents.set(agentId, sessions)
    const { all, atWork } = sessions
    all.set(key, fact)
    if (fact.activity === "idle") atWork.delete(key)
    else atWork.set(key, fact)
    const { newest } = sessions
    if (newest?.key === key && isNewer(newest, fact)) sessions.newest = newestOf(all.values())
    else if (newest?.key === key || isNewer(fact, newest)) sessions.newest = fact
    return [...before, agentId]
  }

  /** Returns the ids of the agents whose foremost session may have changed. */
  remove(key: string): ReadonlyArray<string> {
    const agents = this.agentsOf(key)
    for (const agentId of agents) {
      const sessions = this.#agents.get(agentId)!
      sessions.all.delete(key)
      sessions.atWork.delete(key)
      if (sessions.newest?.key === key) sessions.newest = newestOf(sessions.all.values())
      if (sessions.all.size === 0) this.#agents.delete(agentId)
    }
    return agents
  }

  /** Returns the id of the session's agent, or an empty list. */
  agentsOf(key: string): ReadonlyArray<string> {
    for (const [agentId, { all }] of this.#agents) if (all.has(key)) return [agentId]
    return []
  }

  /** Returns the keys of the agent's sessions with a run that waits or is in progress. */
  atWork(agentId: string): ReadonlyArray<string> {
    return [...(this.#agents.get(agentId)?.atWork.keys() ?? [])]
  }

  foremost(agentId: string): F | undefined {
    const sessions = this.#agents.get(agentId)
    return sessions && (newestOf(sessions.atWork.values()) ?? sessions.newest)
  }
}
