/**
 * CardMerge: makes the cards of one gateway's agents from its lists and changes: cards in, change in, cards out. It does no
 * IO. Fleet.ts has one for this gateway and one for each upstream gateway.
 */
import * as Schema from "effect/Schema"
import { AgentCard, type AgentTask, cardId } from "../../domain/AgentCard.ts"
import { NAME_CHARS } from "../../domain/Bounds.ts"
import type { Session } from "../../domain/Session.ts"
import { cut } from "../../domain/Text.ts"
import { isRunChange, type RunChange, type RunFact, RunFacts } from "./RunFacts.ts"
import { type AllSessions, SessionFacts } from "./SessionFacts.ts"

export interface AgentFact {
  readonly id: string
  readonly name: string
  /** `default` for the agent that answers messages without a binding, else `agent`, or another word of its gateway. */
  readonly role: string
}

export const roleOf = (isDefault: boolean): string => (isDefault ? "default" : "agent")

/** The facts of a session that cards show. A `Session` of this gateway is one as it is. */
export type SessionFact = Pick<
  Session,
  "key" | "agentId" | "activity" | "updatedAt" | "channel" | "label" | "displayName" | "lastMessage"
> & {
  /** Why its newest run has failed. */
  readonly problem?: string
}

export type Change =
  /** The whole lists, which replace everything. They do not say how the runs go on; the next changes do. */
  | { readonly _tag: "Listed"; readonly agents: ReadonlyArray<AgentFact>; readonly sessions: Iterable<SessionFact> }
  /** The whole state, as a gateway answers again and again. */
  | {
      readonly _tag: "Polled"
      readonly agents: ReadonlyArray<AgentFact>
      readonly sessions: Iterable<SessionFact>
      readonly runs: Iterable<readonly [sessionKey: string, run: RunFact]>
    }
  /** All agents. Their sessions stay. */
  | { readonly _tag: "AgentsListed"; readonly agents: ReadonlyArray<AgentFact> }
  | { readonly _tag: "Agent"; readonly agent: AgentFact }
  | { readonly _tag: "AgentRemoved"; readonly agentId: string }
  | { readonly _tag: "Session"; readonly session: SessionFact }
  | { readonly _tag: "RunStepped"; readonly sessionKey: string }
  | RunChange

export interface Merged {
  readonly changed: ReadonlyArray<AgentCard>
  /** The ids of the removed cards. */
  readonly removed: ReadonlyArray<string>
  /** The tasks that have begun. */
  readonly begun: ReadonlyArray<AgentTask>
  /** The tasks that have made a step. */
  readonly stepped: ReadonlyArray<AgentTask>
}

const nothing: Merged = { changed: [], removed: [], begun: [], stepped: [] }

/** Returns an empty list if the card has no task. */
const taskOf = ({ currentTask, id, taskProgress, taskStartedAt }: AgentCard): ReadonlyArray<AgentTask> =>
  currentTask === undefined
    ? []
    : [
        {
          id,
          task: currentTask,
          ...(taskProgress !== undefined && { progress: taskProgress }),
          ...(taskStartedAt !== undefined && { startedAt: taskStartedAt }),
        },
      ]

const isSame = Schema.toEquivalence(AgentCard)

const titleOf = ({ displayName, key, label, lastMessage }: SessionFact): string | undefined =>
  label || (displayName === key ? "" : displayName) || lastMessage || undefined

export class CardMerge {
  readonly cards = new Map<string, AgentCard>()
  readonly #upstream: string | null
  readonly #agents = new Map<string, AgentFact>()
  readonly #sessions: SessionFacts<SessionFact>
  readonly runs: RunFacts

  /**
   * `upstream`: the name of the gateway, or null for this one. `runs` follows the changes, too. `sessions`: see
   * SessionFacts.
   */
  constructor(upstream: string | null, runs = new RunFacts(), sessions?: AllSessions<SessionFact>) {
    this.#upstream = upstream
    this.#sessions = new SessionFacts(sessions)
    this.runs = runs
  }

  /** Returns the keys of the agent's sessions with a run that waits or is in progress. */
  atWork(agentId: string): ReadonlyArray<string> {
    return this.#sessions.atWork(agentId)
  }

  apply(change: Change): Merged {
    if (isRunChange(change)) this.runs.apply(change)
    switch (change._tag) {
      case "Listed":
        this.runs.replace([])
        return this.list(change.agents, change.sessions)
      case "Polled":
        this.runs.replace(change.runs)
        return this.list(change.agents, change.sessions)
      case "AgentsListed":
        return this.#listAgents(change.agents)
      case "Agent":
        this.#agents.set(change.agent.id, change.agent)
        return this.#merge([change.agent.id])
      case "AgentRemoved":
        this.#agents.delete(change.agentId)
        return this.#merge([change.agentId])
      case "Session":
        return this.#merge(this.#sessions.put(change.session))
      case "SessionRemoved":
        return this.#merge(this.#sessions.remove(change.key))
      case "RunStepped": {
        const stepped = [...this.#sessions.agentsOf(change.sessionKey)].flatMap((agentId) => {
          const card = this.cards.get(cardId(this.#upstream, agentId))
          return card?.sessionKey === change.sessionKey ? taskOf(card) : []
        })
        return { ...nothing, stepped }
      }
      case "RunStarted":
      case "RunThinks":
      case "RunEnded":
        return this.#merge(this.#sessions.agentsOf(change.sessionKey))
    }
  }

  /** Replaces the agents and the sessions. The runs go on. */
  list(agents: ReadonlyArray<AgentFact>, sessions: Iterable<SessionFact>): Merged {
    this.#sessions.clear()
    for (const session of sessions) this.#sessions.put(session)
    return this.#listAgents(agents)
  }

  #listAgents(agents: ReadonlyArray<AgentFact>): Merged {
    const before = [...this.#agents.keys()]
    this.#agents.clear()
    for (const agent of agents) this.#agents.set(agent.id, agent)
    return this.#merge(new Set([...before, ...this.#agents.keys()]))
  }

  /** Makes the cards of the agents, and leaves out those that are as before. */
  #merge(agentIds: Iterable<string>): Merged {
    const changed: Array<AgentCard> = []
    const removed: Array<string> = []
    const begun: Array<AgentTask> = []
    for (const agentId of agentIds) {
      const agent = this.#agents.get(agentId)
      const id = cardId(this.#upstream, agentId)
      const before = this.cards.get(id)
      if (agent === undefined) {
        if (this.cards.delete(id)) removed.push(id)
        continue
      }
      const session = this.#sessions.foremost(agentId)
      const card = cardOf(this.#upstream, agent, session, session && this.runs.get(session.key))
      if (before !== undefined && isSame(before, card)) continue
      this.cards.set(id, card)
      changed.push(card)
      const isSameTask = before?.currentTask === card.currentTask && before?.sessionKey === card.sessionKey
      if (!isSameTask) begun.push(...taskOf(card))
    }
    return { ...nothing, changed, removed, begun }
  }
}

/** Makes the card of an agent from its foremost session and the newest run of that. */
export const cardOf = (
  upstream: string | null,
  { id: agentId, name, role }: AgentFact,
  session: SessionFact | undefined,
  run: RunFact | undefined,
): AgentCard => {
  const isActive = session !== undefined && session.activity !== "idle"
  const problem = isActive ? undefined : (run?.problem ?? session?.problem)
  const task = isActive ? titleOf(session) : undefined
  return {
    id: cardId(upstream, agentId),
    agentId,
    upstream,
    displayName: cut(name, NAME_CHARS),
    role,
    status: isActive ? (run?.thinks === true ? "thinking" : "active") : problem === undefined ? "idle" : "error",
    ...(task !== undefined && { currentTask: cut(task, NAME_CHARS) }),
    ...(isActive && run?.progress !== undefined && { taskProgress: run.progress }),
    ...(isActive && run?.startedAt !== undefined && { taskStartedAt: run.startedAt }),
    sessionKey: session?.key ?? null,
    channel: session?.channel ?? null,
    // 0: a gateway that does not say when.
    lastActivity: session?.updatedAt || null,
    ...(problem !== undefined && { errorMessage: problem }),
  }
}
