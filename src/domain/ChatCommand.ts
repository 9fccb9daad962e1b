/**
 * Chat commands: messages for the gateway instead of an agent. A command acts at once, even during a run. Neither the
 * command nor its answer enters the transcript. The service ChatCommands runs them.
 */
import * as Schema from "effect/Schema"
import type { Agent } from "./Agent.ts"
import { type Approval, ApprovalDecision, everyDecision } from "./Approval.ts"
import type { Session } from "./Session.ts"
import { VERSION } from "./Version.ts"

export type ChatCommand =
  /** Aborts every open run of the session. */
  | { readonly name: "stop" }
  /** Describes the state of the session. */
  | { readonly name: "status" }
  /** Decides whether a call of a tool may run. `verdict` is undefined if the text names none. */
  | { readonly name: "approve"; readonly verdict: Verdict | undefined }
  /** Empties the session. `text`: the first message of the new conversation, or empty. */
  | { readonly name: "new" | "reset"; readonly text: string }

export interface Verdict {
  readonly id: string
  readonly decision: ApprovalDecision
}

const isDecision = Schema.is(ApprovalDecision)

const verdictOf = (text: string): Verdict | undefined => {
  const [id = "", decision, ...others] = text.split(/\s+/)
  return isDecision(decision) && others.length === 0 ? { id, decision } : undefined
}

/** Returns `undefined` if the text is a message for the agent. Ignores case and surrounding blanks. */
export const parse = (message: string): ChatCommand | undefined => {
  const trimmed = message.trim()
  if (!trimmed.startsWith("/")) return undefined
  const end = trimmed.search(/\s/)
  const word = (end < 0 ? trimmed : trimmed.slice(0, end)).toLowerCase()
  const text = end < 0 ? "" : trimmed.slice(end).trimStart()
  switch (word) {
    case "/stop":
      return text === "" ? { name: "stop" } : undefined
    case "/status":
      return text === "" ? { name: "status" } : undefined
    case "/approve":
      return { name: "approve", verdict: verdictOf(text) }
    case "/new":
      return { name: "new", text }
    case "/reset":
      return { name: "reset", text }
    default:
      return undefined
  }
}

export const stoppedText = (runs: number): string => {
  if (runs === 0) return "Nothing runs in this session."
  return runs === 1 ? "Stopped." : `Stopped ${runs} runs.`
}

/** The answer to `/approve` without an id and a decision. */
export const APPROVE_USAGE = `Write /approve, the id of the approval and ${everyDecision.join(", ")}.`

/** Returns the answer to a decision. */
export const decidedText = ({ decision, id, tool }: Approval): string => `Decided ${decision}: ${tool} (${id}).`

export const EMPTIED = "The session is empty: a new conversation begins."

export interface StatusFacts {
  readonly sessionKey: string
  /** Undefined until the session has its first message. */
  readonly session: Session | undefined
  readonly agent: Agent
  readonly runtime: string
  readonly running: number
  readonly waiting: number
}

/** Returns the answer to `/status`, one fact per line. */
export const statusText = ({ agent, running, runtime, session, sessionKey, waiting }: StatusFacts): string => {
  const model = session?.model ?? agent.model
  return [
    `Causeway ${VERSION}`,
    `Session: ${sessionKey}`,
    `Agent: ${agent.name} (${agent.id})`,
    `Runtime: ${runtime}`,
    ...(model === "" ? [] : [`Model: ${model}`]),
    `Messages: ${session?.messageCount ?? 0}`,
    `Tokens: ${session?.totalTokens ?? 0}, in context: ${session?.contextTokens ?? 0}`,
    `Runs: ${running} running, ${waiting} waiting`,
  ].join("\n")
}
