/**
 * LocalCards: the cards of this gateway's own agents. While nobody follows the fleet, it only notes how runs go on, and makes
 * cards from the index of sessions when somebody asks for them. So a turn costs nothing for a fleet that nobody sees. Fleet.ts
 * uses it.
 */
import { type Agent, MAIN_AGENT } from "../../domain/Agent.ts"
import type { AgentCard } from "../../domain/AgentCard.ts"
import type { GatewayEvent, Positioned } from "../../domain/Event.ts"
import type { Session } from "../../domain/Session.ts"
import { type AgentFact, CardMerge, cardOf, type Change, type Merged, roleOf } from "./CardMerge.ts"
import { isRunChange, RunFacts } from "./RunFacts.ts"
import { type AllSessions, foremostOf } from "./SessionFacts.ts"

export interface LocalFacts {
  readonly agents: () => ReadonlyArray<Agent>
  readonly sessions: AllSessions<Session>
}

export class LocalCards {
  readonly #facts: LocalFacts
  readonly #runs = new RunFacts()
  /** Follows every change, while somebody follows the fleet. */
  #merge: CardMerge | undefined

  constructor(facts: LocalFacts) {
    this.#facts = facts
  }

  get isFollowed(): boolean {
    return this.#merge !== undefined
  }

  /** Begins or ends to follow every change. */
  follow(isFollowed: boolean): void {
    if (isFollowed === this.isFollowed) return
    this.#merge = isFollowed ? new CardMerge(null, this.#runs, this.#facts.sessions) : undefined
    this.#merge?.list(this.#facts.agents().map(factOf), this.#facts.sessions.values())
  }

  /** Returns the changes of cards, or `undefined` if nobody follows them. */
  apply(positioned: Positioned): Merged | undefined {
    const change = localChange(this.#runs, positioned)
    if (change === undefined) return undefined
    if (this.#merge !== undefined) return this.#merge.apply(change)
    if (isRunChange(change)) this.#runs.apply(change)
    return undefined
  }

  cards(): ReadonlyArray<AgentCard> {
    if (this.#merge !== undefined) return [...this.#merge.cards.values()]
    const foremost = foremostOf(this.#facts.sessions.values())
    return this.#facts.agents().map((agent) => {
      const session = foremost.get(agent.id)
      return cardOf(null, factOf(agent), session, session && this.#runs.get(session.key))
    })
  }

  /** Returns the keys of the agent's sessions with a run that waits or is in progress. */
  atWork(agentId: string): ReadonlyArray<string> {
    const keys: Array<string> = []
    for (const session of this.#facts.sessions.values())
      if (session.agentId === agentId && session.activity !== "idle") keys.push(session.key)
    return keys
  }
}

const factOf = ({ id, name }: Agent): AgentFact => ({ id, name, role: roleOf(id === MAIN_AGENT) })

const problemOf = ({ error, outcome }: Extract<GatewayEvent, { readonly _tag: "RunEnded" }>): string | undefined =>
  outcome === "failed" ? (error?.message ?? "the run failed") : undefined

/** Returns `undefined` if the event changes no card. `runs` has the changes so far. */
const localChange = (runs: RunFacts, { at, event }: Positioned): Change | undefined => {
  switch (event._tag) {
    case "AgentChanged":
      return { _tag: "Agent", agent: factOf(event.agent) }
    case "AgentRemoved":
      return { _tag: "AgentRemoved", agentId: event.agentId }
    case "SessionOpened":
    case "SessionChanged":
      return { _tag: "Session", session: event.session }
    case "SessionClosed":
      return { _tag: "SessionRemoved", key: event.sessionKey }
    case "RunStarted":
      return { _tag: "RunStarted", sessionKey: event.sessionKey, at }
    case "RunEnded":
      return { _tag: "RunEnded", sessionKey: event.sessionKey, problem: problemOf(event) }
    case "ThinkingDelta":
      return runs.thinks(event.sessionKey)
        ? undefined
        : { _tag: "RunThinks", sessionKey: event.sessionKey, thinks: true }
    case "TextDelta":
    case "ToolStarted":
      return runs.thinks(event.sessionKey)
        ? { _tag: "RunThinks", sessionKey: event.sessionKey, thinks: false }
        : undefined
    case "ToolEnded":
      return { _tag: "RunStepped", sessionKey: event.sessionKey }
    default:
      return undefined
  }
}
