/**
 * PolledCards: reads the cards that a gateway answers at its REST address, such as `GET /api/agents` of Control Center and of
 * Causeway. Nothing in them is trusted: texts are cut, and unusable cards are left out. UpstreamPoll.ts uses it.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { ID_CHARS, NAME_CHARS, SESSION_KEY_CHARS } from "../../domain/Bounds.ts"
import { optional } from "../../openclaw-client/Openly.ts"
import { type AgentFact, type Change, roleOf, type SessionFact } from "./CardMerge.ts"
import type { RunFact, RunFacts } from "./RunFacts.ts"
import { isAgentId, MAX_AGENTS, short } from "./UpstreamChanges.ts"

const Card = Schema.Struct({
  id: Schema.String,
  agentId: optional(Schema.String),
  displayName: optional(Schema.String),
  role: optional(Schema.String),
  status: optional(Schema.String),
  currentTask: optional(Schema.String),
  taskProgress: optional(Schema.Finite),
  /** A duration such as `04m 12s`. */
  taskElapsed: optional(Schema.String),
  sessionKey: optional(Schema.String),
  channel: optional(Schema.String),
  /** ISO 8601. */
  lastActivity: optional(Schema.String),
  errorMessage: optional(Schema.String),
  /** The gateway of the agent, in the answers of Causeway. */
  upstream: optional(Schema.String),
})
type Card = typeof Card.Type

const isCard = Schema.is(Card)
const decodeList = Schema.decodeUnknownOption(
  Schema.Union([Schema.Array(Schema.Unknown), Schema.Struct({ agents: Schema.Array(Schema.Unknown) })]),
)

/** Returns the milliseconds of a duration such as `04m 12s` or `01h 04m 12s`. */
export const elapsedMs = (text: string): number | undefined => {
  const [, hours = "0", minutes, seconds] = /^(?:(\d{1,4})h )?(\d{1,2})m (\d{1,2})s$/.exec(text) ?? []
  return minutes === undefined ? undefined : ((Number(hours) * 60 + Number(minutes)) * 60 + Number(seconds)) * 1_000
}

/** A duration is rounded, and its way takes time. A start that differs by less is the start of the same run. */
const SAME_START_MS = 5_000

/** Texts of unreadable times, and of times that `Date` cannot hold, make no number. */
const timeOf = (text: string | null | undefined): number => {
  const at = Date.parse(text ?? "")
  return Number.isNaN(at) ? 0 : at
}

const isAtWork = ({ status }: Card): boolean => status === "active" || status === "thinking"

const sessionOf = (card: Card, agentId: string): SessionFact => {
  const key = card.sessionKey == null || card.sessionKey === "" ? `agent:${agentId}:main` : card.sessionKey
  return {
    key,
    agentId,
    activity: isAtWork(card) ? "running" : "idle",
    updatedAt: timeOf(card.lastActivity),
    channel: short(card.channel, ID_CHARS),
    label: short(card.currentTask),
    displayName: key,
    lastMessage: null,
    ...(card.status === "error" && { problem: short(card.errorMessage) ?? "the newest run failed" }),
  }
}

const runOf = (card: Card, before: RunFact | undefined, now: number): RunFact => {
  const elapsed = elapsedMs(card.taskElapsed ?? "")
  const progress = card.taskProgress
  const start = elapsed === undefined ? before?.startedAt : now - elapsed
  const known = before?.startedAt
  const isKnown = start !== undefined && known !== undefined && Math.abs(start - known) < SAME_START_MS
  const startedAt = isKnown ? known : start
  return {
    thinks: card.status === "thinking",
    ...(progress != null && progress >= 0 && progress <= 100 && { progress }),
    ...(startedAt !== undefined && { startedAt }),
  }
}

/** Returns the state of the gateway, or `undefined` if the answer is no list of cards. `runs` are those so far. */
export const polledCards = (
  answer: unknown,
  runs: RunFacts,
  now: number,
): Extract<Change, { readonly _tag: "Polled" }> | undefined => {
  const list = Option.getOrUndefined(decodeList(answer))
  if (list === undefined) return undefined
  const agents: Array<AgentFact> = []
  const sessions: Array<SessionFact> = []
  const states: Array<readonly [string, RunFact]> = []
  for (const card of ("agents" in list ? list.agents : list).slice(0, MAX_AGENTS)) {
    // The agents of its own upstream gateways are left out, as over its WebSocket.
    if (!isCard(card) || card.upstream != null) continue
    const { displayName, role } = card
    const id = card.agentId ?? card.id
    if (!isAgentId(id) || (card.sessionKey ?? "").length > SESSION_KEY_CHARS) continue
    agents.push({ id, name: short(displayName) ?? id, role: short(role, NAME_CHARS) ?? roleOf(false) })
    const hasSession = isAtWork(card) || card.status === "error" || (card.sessionKey ?? "") !== ""
    if (!hasSession) continue
    const session = sessionOf(card, id)
    sessions.push(session)
    if (isAtWork(card)) states.push([session.key, runOf(card, runs.get(session.key), now)])
  }
  return { _tag: "Polled", agents, sessions, runs: states }
}
