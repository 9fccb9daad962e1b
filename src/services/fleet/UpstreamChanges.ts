/**
 * UpstreamChanges: translates lists and events of an OpenClaw gateway into changes of cards. Nothing in them is trusted:
 * texts are cut, and unusable entries are left out. UpstreamSync.ts uses it.
 */
import { ID_CHARS, NAME_CHARS, SESSION_KEY_CHARS } from "../../domain/Bounds.ts"
import { agentOfSessionKey } from "../../domain/Routing.ts"
import { cut } from "../../domain/Text.ts"
import { isEvent } from "../../openclaw-client/Events.ts"
import type { OpenClawEvent } from "../../openclaw-client/Conversation.ts"
import type { AgentRow, SessionRow } from "../../openclaw-client/Methods.ts"
import { type AgentFact, type Change, roleOf, type SessionFact } from "./CardMerge.ts"
import type { RunFacts } from "./RunFacts.ts"

/** Ids of agents have 64 characters at most in OpenClaw and here. */
const AGENT_ID_CHARS = 64

/** The agents of one gateway. */
export const MAX_AGENTS = 1_000

export const isAgentId = (id: string): boolean => id !== "" && id.length <= AGENT_ID_CHARS

/** Returns `null` for an empty text. */
export const short = (text: string | null | undefined, chars = NAME_CHARS): string | null =>
  text == null || text === "" ? null : cut(text, chars).toWellFormed()

const agentFact = ({ id, identity, name }: AgentRow, defaultId: string): AgentFact | undefined =>
  isAgentId(id) ? { id, name: short(name) ?? short(identity?.name) ?? id, role: roleOf(id === defaultId) } : undefined

const activityOf = ({ hasActiveRun, status }: Pick<SessionRow, "hasActiveRun" | "status">): SessionFact["activity"] =>
  (hasActiveRun ?? status === "running") ? (status === "queued" ? "queued" : "running") : "idle"

const failures: ReadonlySet<unknown> = new Set(["failed", "error"])

const sessionFact = (row: SessionRow, defaultId: string): SessionFact | undefined => {
  const { key } = row
  const agentId = row.agentId ?? agentOfSessionKey(key) ?? defaultId
  if (key === "" || key.length > SESSION_KEY_CHARS || !isAgentId(agentId)) return undefined
  return {
    key,
    agentId,
    activity: activityOf(row),
    updatedAt: row.updatedAt ?? 0,
    channel: short(row.channel, ID_CHARS),
    label: short(row.label),
    displayName: short(row.displayName) ?? short(row.derivedTitle) ?? key,
    lastMessage: short(row.lastMessagePreview),
    ...(failures.has(row.status) && { problem: "the newest run failed" }),
  }
}

const optional = <A>(value: A | undefined): ReadonlyArray<A> => (value === undefined ? [] : [value])

export const agentFacts = (agents: ReadonlyArray<AgentRow>, defaultId: string): ReadonlyArray<AgentFact> =>
  agents.slice(0, MAX_AGENTS).flatMap((row) => optional(agentFact(row, defaultId)))

/** Returns the list with which the cards begin. */
export const listed = (
  agents: ReadonlyArray<AgentRow>,
  sessions: Iterable<SessionRow>,
  defaultId: string,
): Extract<Change, { readonly _tag: "Listed" }> => ({
  _tag: "Listed",
  agents: agentFacts(agents, defaultId),
  sessions: [...sessions].flatMap((row) => optional(sessionFact(row, defaultId))),
})

interface AgentStream {
  readonly stream: string
  readonly sessionKey?: string | null | undefined
  readonly ts?: number | null | undefined
  readonly data: Readonly<Record<string, unknown>>
}

const textOf = (value: unknown): string | undefined => (typeof value === "string" && value !== "" ? value : undefined)

const failed = (message: unknown): string => short(textOf(message)) ?? "the run failed"

const runChange = (runs: RunFacts, { data, sessionKey, stream, ts }: AgentStream): Change | undefined => {
  if (sessionKey == null) return undefined
  const thinks = (now: boolean): Change | undefined =>
    runs.thinks(sessionKey) === now ? undefined : { _tag: "RunThinks", sessionKey, thinks: now }
  switch (stream) {
    case "lifecycle":
      switch (data["phase"]) {
        case "start": {
          const at = data["startedAt"]
          return { _tag: "RunStarted", sessionKey, at: typeof at === "number" ? at : (ts ?? 0) }
        }
        case "end":
          return { _tag: "RunEnded", sessionKey, problem: undefined }
        case "error":
          // A run that was aborted has not failed. OpenClaw reports its end once more as an error.
          return { _tag: "RunEnded", sessionKey, problem: data["aborted"] === true ? undefined : failed(data["error"]) }
      }
      return undefined
    case "thinking":
      return thinks(true)
    case "tool":
      return data["phase"] === "result" ? { _tag: "RunStepped", sessionKey } : thinks(false)
    case "assistant":
      return thinks(false)
    default:
      return undefined
  }
}

/** Returns `undefined` if the event changes no card. `runs` has the changes so far. */
export const upstreamChange = (runs: RunFacts, defaultId: string, event: OpenClawEvent): Change | undefined => {
  if (isEvent(event, "agent")) return runChange(runs, event.payload)
  if (isEvent(event, "sessions.changed")) {
    const { reason, session, sessionKey } = event.payload
    if (reason === "delete" && sessionKey != null) return { _tag: "SessionRemoved", key: sessionKey }
    const fact = session == null ? undefined : sessionFact(session, defaultId)
    return fact && { _tag: "Session", session: fact }
  }
  if (isEvent(event, "agent.config")) {
    const { agentId, name, removed } = event.payload
    if (removed === true) return { _tag: "AgentRemoved", agentId }
    const agent = agentFact({ id: agentId, name }, defaultId)
    return agent && { _tag: "Agent", agent }
  }
  if (isEvent(event, "chat") && event.payload.state === "error") {
    const { errorMessage, sessionKey } = event.payload
    return { _tag: "RunEnded", sessionKey, problem: failed(errorMessage) }
  }
  return undefined
}
