/**
 * Chat commands: messages for the gateway instead of an agent. A command acts at once, even during a run. Neither the
 * command nor its answer enters the transcript. The service ChatCommands runs them.
 */
import * as Schema from "effect/Schema"
import type { Agent } from "./Agent.ts"
import { NAME_CHARS } from "./Bounds.ts"
import { type Approval, ApprovalDecision, everyDecision } from "./Approval.ts"
import { QueueMode, ThinkingLevel } from "./Run.ts"
import type { Session } from "./Session.ts"
import { VERSION } from "./Version.ts"

export type ChatCommand =
  /** Aborts every open run of the session. */
  | { readonly name: "stop" }
  /** Describes the state of the session. */
  | { readonly name: "status" }
  /** Decides whether a call of a tool may run. `verdict` is undefined if the text names none. */
  | { readonly name: "approve"; readonly verdict: Verdict | undefined }
  /** Answers a question. `text`: the answers as a person types them, or empty. */
  | { readonly name: "answer"; readonly id: string; readonly text: string }
  /** Empties the session. `text`: the first message of the new conversation, or empty. */
  | { readonly name: "new" | "reset"; readonly text: string }
  /** Summarizes the messages so far. */
  | { readonly name: "compact" }
  /** Lists the commands. */
  | { readonly name: "help" }
  /** Sets a setting of the session. Undefined: shows it. Null: the agent's setting counts again. */
  | { readonly name: "model"; readonly value: string | null | undefined }
  | { readonly name: "think"; readonly value: ThinkingLevel | null | undefined }
  | { readonly name: "queue"; readonly value: QueueMode | null | undefined }

interface CommandFacts {
  readonly name: ChatCommand["name"]
  /** The form of the text after the name, or empty. */
  readonly argument: string
  readonly category: "status" | "session" | "options"
  readonly description: string
}

/** Every command, in the order of `/help`. */
export const COMMANDS: ReadonlyArray<CommandFacts> = [
  { name: "status", argument: "", category: "status", description: "Show how the session stands." },
  { name: "stop", argument: "", category: "session", description: "Stop the open runs." },
  { name: "reset", argument: "[message]", category: "session", description: "Empty the session." },
  {
    name: "new",
    argument: "[message]",
    category: "session",
    description: "Empty the session and begin a new conversation.",
  },
  {
    name: "compact",
    argument: "",
    category: "session",
    description: "Summarize the messages, so that the agent sees the summary instead.",
  },
  {
    name: "model",
    argument: "[provider/model|default]",
    category: "options",
    description: "Show or set the model of the session.",
  },
  {
    name: "think",
    argument: `[${[...ThinkingLevel.literals, "default"].join("|")}]`,
    category: "options",
    description: "Show or set how much the model thinks.",
  },
  {
    name: "queue",
    argument: `[${[...QueueMode.literals, "default"].join("|")}]`,
    category: "options",
    description: "Show or set what happens to messages during a run.",
  },
  {
    name: "approve",
    argument: `id ${everyDecision.join("|")}`,
    category: "session",
    description: "Decide whether a tool may run.",
  },
  {
    name: "answer",
    argument: "id answer",
    category: "session",
    description: "Answer a question of an agent.",
  },
  { name: "help", argument: "", category: "status", description: "List the commands." },
]

/** Returns the answer to `/help`, one command per line. */
export const helpText = (): string =>
  COMMANDS.map(({ argument, description, name }) => `${`/${name} ${argument}`.trimEnd()}: ${description}`).join("\n")

const DEFAULT = "default"

/** Returns the command if `is` accepts the text, or if it is empty or `default`. Else the text is for the agent. */
const setting = <Name extends "model" | "think" | "queue", A extends string>(
  name: Name,
  text: string,
  is: (text: string) => text is A,
): { readonly name: Name; readonly value: A | null | undefined } | undefined => {
  const word = text.trimEnd()
  if (word === "") return { name, value: undefined }
  if (word.toLowerCase() === DEFAULT) return { name, value: null }
  return is(word) ? { name, value: word } : undefined
}

const isModel = (text: string): text is string => text.length <= NAME_CHARS && !/\s/.test(text)

const isLevel = Schema.is(ThinkingLevel)
const isMode = Schema.is(QueueMode)

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
    case "/compact":
      return text === "" ? { name: "compact" } : undefined
    case "/help":
      return text === "" ? { name: "help" } : undefined
    case "/model":
      return setting("model", text, isModel)
    case "/think":
      return setting("think", text.toLowerCase(), isLevel)
    case "/queue":
      return setting("queue", text.toLowerCase(), isMode)
    case "/approve":
      return { name: "approve", verdict: verdictOf(text) }
    case "/answer": {
      const [id = ""] = text.split(/\s/, 1)
      return { name: "answer", id, text: text.slice(id.length).trim() }
    }
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

/** The answer to `/answer` without an id. */
export const ANSWER_USAGE =
  "Write /answer, the id of the question and your answer. If it has several parts, write key=answer for each."

/** Returns the answer to a command of a setting. */
export const settingText = (
  name: "model" | "think" | "queue",
  session: string | null | undefined,
  agent: string | undefined,
): string => {
  const title = { model: "Model", think: "Thinking", queue: "Queue mode" }[name]
  if (session !== undefined && session !== null && session !== "") return `${title}: ${session}`
  if (agent !== undefined && agent !== "") return `${title}: ${agent} (the agent's setting)`
  return `${title}: ${name === "queue" ? "followup" : "default"}`
}

/** The answers to `/compact`. */
export const COMPACTED = "The messages are summarized. The agent sees the summary instead of them."
export const NOTHING_NEW = "No message has come since the last summary."
export const COMPACTING = "The summary is being made. It appears in the conversation when it is ready."

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
    `Thinking: ${session?.thinking ?? agent.thinking ?? "default"}`,
    `Queue mode: ${session?.queue ?? agent.queue ?? "followup"}`,
    `Messages: ${session?.messageCount ?? 0}`,
    `Tokens: ${session?.totalTokens ?? 0}, in context: ${session?.contextTokens ?? 0}`,
    `Runs: ${running} running, ${waiting} waiting`,
  ].join("\n")
}
