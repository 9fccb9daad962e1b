/**
 * Chat commands: messages that are for the gateway and not for an agent. A command acts at once, also while a run is in
 * progress; neither it nor its answer stands in the transcript. Pure: services/ChatCommands.ts carries them out.
 */
import type { Agent } from "./Agent.ts"
import type { Session } from "./Session.ts"
import { VERSION } from "./Version.ts"

export type ChatCommand =
  /** Ends what runs and waits in the session. */
  | { readonly name: "stop" }
  /** Tells how the session stands. */
  | { readonly name: "status" }
  /** Empties the session. `text`: the first message of the new conversation; empty: there is none yet. */
  | { readonly name: "new" | "reset"; readonly text: string }

/** Returns `undefined` if the text is a message for the agent. Case and blanks around it do not count. */
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
    case "/new":
      return { name: "new", text }
    case "/reset":
      return { name: "reset", text }
    default:
      return undefined
  }
}

export const stopped = (runs: number): string => {
  if (runs === 0) return "Nothing runs in this session."
  return runs === 1 ? "Stopped." : `Stopped ${runs} runs.`
}

export const EMPTIED = "The session is empty: a new conversation begins."

export interface Standing {
  readonly sessionKey: string
  /** Left out: nobody has written to the session yet. */
  readonly session: Session | undefined
  readonly agent: Agent
  readonly runtime: string
  readonly running: number
  readonly waiting: number
}

/** One fact to a line. */
export const standing = ({ agent, running, runtime, session, sessionKey, waiting }: Standing): string => {
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
