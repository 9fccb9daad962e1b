/**
 * AgentOutput: turns the updates that an agent sends during a prompt into the events of a runtime. It is a state machine
 * without effects. AgentSession feeds it.
 *
 * The plan of an agent becomes a tool call `plan`, which each change updates and the end of the prompt ends. So clients show
 * one plan that changes. As thinking, it would be repeated with each change.
 */
import { NAME_CHARS } from "../../../domain/Bounds.ts"
import type { RuntimeEvent } from "../../../domain/Run.ts"
import { cut, textOrJson } from "../../../domain/Text.ts"
import type { AgentToolCall, AgentUpdate, ContentBlock, PlanEntry, ToolContent } from "./AgentUpdates.ts"
import { type AgentUsage, tokensOf, usageOf } from "./AgentUsage.ts"
import { filesIn } from "./AgentFiles.ts"
import { fileDiff } from "./FileDiff.ts"

type Events = ReadonlyArray<RuntimeEvent>

const none: Events = []

/** A tool call that has not ended. */
interface OpenCall {
  call: AgentToolCall
  isStarted: boolean
  /** The text of its content so far. */
  text: string
  /** Why the gateway refused it. */
  refusal: string | undefined
}

const PLAN = "plan"

const UNFINISHED = "The agent ended its turn without a result of this call."

export class AgentOutput {
  readonly #open = new Map<string, OpenCall>()
  #plan: string | undefined
  #contextTokens: number | undefined
  #messageId: string | null | undefined
  /** Whether a new paragraph begins with the next text, because something came after the text so far. */
  #newParagraph = false
  #hasText = false

  /** Returns the events of an update. */
  next(update: AgentUpdate): Events {
    switch (update.sessionUpdate) {
      case "agent_message_chunk":
        return [...this.#text(textOf(update.content), update.messageId), ...filesEvent(update.content)]
      case "agent_thought_chunk":
        return [{ _tag: "Thinking", text: textOf(update.content) }]
      case "tool_call":
      case "tool_call_update":
        return this.#toolCall(update)
      case "plan":
        return this.#planChanged(update.entries)
      case "usage_update":
        this.#contextTokens = tokensOf(update.used)
        return none
      case "config_option_update":
        return none
    }
  }

  /** Returns the events that precede a permission request. Some agents ask before they announce the call. */
  asked(call: AgentToolCall): Events {
    return this.#toolCall({ ...call, status: "in_progress" })
  }

  /** Keeps the reason of a refused call for its result. Returns the events that show it. */
  refused(callId: string, refusal: string): Events {
    const open = this.#open.get(callId)
    if (open === undefined) return none
    open.refusal = refusal
    return [{ _tag: "ToolUpdated", callId, text: refusal }]
  }

  /** Returns the kind of an open call, such as `edit`, or `undefined`. */
  kindOf(callId: string): string | undefined {
    return this.#open.get(callId)?.call.kind ?? undefined
  }

  /** Returns whether the agent has given the input of an open call. */
  hasInput(callId: string): boolean {
    const open = this.#open.get(callId)
    return open !== undefined && hasInput(open.call)
  }

  /** Returns the input of an open call as JSON. */
  inputOf(callId: string): string {
    const open = this.#open.get(callId)
    return open === undefined ? "{}" : inputOf(open.call)
  }

  /** Returns the events at the end of the prompt: open calls and the plan end. `usage`: the tokens that the agent reports. */
  end(usage?: AgentUsage | null): Events {
    const events: Array<RuntimeEvent> = []
    for (const [callId, { isStarted, refusal }] of this.#open) {
      if (isStarted) events.push({ _tag: "ToolEnded", callId, output: refusal ?? UNFINISHED, isError: true })
    }
    this.#open.clear()
    if (this.#plan !== undefined) events.push({ _tag: "ToolEnded", callId: PLAN, output: this.#plan, isError: false })
    const counted = usage === undefined || usage === null ? undefined : usageOf(usage)
    const context = this.#contextTokens === undefined ? undefined : { contextTokens: this.#contextTokens }
    if (counted !== undefined || context !== undefined) {
      events.push({ _tag: "Usage", usage: { inputTokens: 0, outputTokens: 0, ...context, ...counted } })
    }
    return events
  }

  #text(text: string, messageId: string | null | undefined): Events {
    if (text === "") return none
    if (this.#hasText && messageId !== this.#messageId) this.#newParagraph = true
    this.#messageId = messageId
    const separator = this.#hasText && this.#newParagraph ? "\n\n" : ""
    this.#newParagraph = false
    this.#hasText = true
    return [{ _tag: "Text", text: separator + text }]
  }

  #toolCall(change: AgentToolCall): Events {
    const callId = change.toolCallId
    const open = this.#open.get(callId) ?? { call: change, isStarted: false, text: "", refusal: undefined }
    this.#open.set(callId, open)
    open.call = merged(open.call, change)
    const { call } = open
    const events: Array<RuntimeEvent> = []
    // Agents announce calls before they know the input.
    if (!open.isStarted && (hasInput(call) || (call.status ?? "pending") !== "pending")) {
      open.isStarted = true
      this.#newParagraph = true
      events.push({ _tag: "ToolStarted", callId, name: nameOf(call), input: inputOf(call) })
    }
    const text = (call.content ?? []).map(textOfContent).filter(Boolean).join("\n")
    if (call.status === "completed" || call.status === "failed") {
      this.#open.delete(callId)
      const output = [open.refusal, text === "" ? textOrJson(call.rawOutput) : text].filter(Boolean).join("\n")
      const files = (call.content ?? []).flatMap(({ content }) => (content == null ? [] : filesIn(content)))
      const ended = { _tag: "ToolEnded" as const, callId, output, isError: call.status === "failed" }
      events.push(files.length === 0 ? ended : { ...ended, files })
    } else if (open.isStarted && text !== open.text) {
      open.text = text
      events.push({ _tag: "ToolUpdated", callId, text })
    }
    return events
  }

  #planChanged(entries: ReadonlyArray<PlanEntry>): Events {
    const text = entries.map(planLine).join("\n")
    if (text === this.#plan) return none
    const isNew = this.#plan === undefined
    this.#plan = text
    const input = JSON.stringify({ entries: entries.map(({ content }) => content) })
    return isNew
      ? [
          { _tag: "ToolStarted", callId: PLAN, name: PLAN, input },
          { _tag: "ToolUpdated", callId: PLAN, text },
        ]
      : [{ _tag: "ToolUpdated", callId: PLAN, text }]
  }
}

const marks: Readonly<Record<string, string>> = { completed: "x", in_progress: "~" }

const planLine = ({ content, status }: PlanEntry): string => `[${marks[status ?? ""] ?? " "}] ${content}`

/** Returns the call with the fields of the change that are given. */
const merged = (call: AgentToolCall, change: AgentToolCall): AgentToolCall => ({
  ...call,
  ...Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined && value !== null)),
})

const hasInput = ({ rawInput }: AgentToolCall): boolean =>
  typeof rawInput === "object" && rawInput !== null ? Object.keys(rawInput).length > 0 : rawInput !== undefined

/** The agent's name for the tool, else its kind, which tells more than a title that differs with each call. */
const nameOf = ({ kind, name, title }: AgentToolCall): string => {
  const known = kind === "other" ? undefined : kind
  return cut([name, known, title].find((text) => (text ?? "").trim() !== "") ?? "tool", NAME_CHARS)
}

const inputOf = (call: AgentToolCall): string => {
  if (hasInput(call)) return textOrJson(call.rawInput)
  const paths = (call.locations ?? []).map(({ path }) => path)
  return JSON.stringify({ title: call.title ?? "", ...(paths.length > 0 && { paths }) })
}

const textOfContent = ({ content, newText, oldText, path, type }: ToolContent): string => {
  if (type === "diff" && typeof path === "string") return fileDiff({ path, oldText, newText: newText ?? "" })
  return content === undefined || content === null ? "" : textOf(content)
}

const filesEvent = (content: ContentBlock): Events => {
  const files = filesIn(content)
  return files.length === 0 ? none : [{ _tag: "Files", files }]
}

/** Returns the text of a block, and a Markdown link or a note in place of one that is no text. */
const textOf = ({ name, resource, text, type, uri }: ContentBlock): string => {
  if (typeof text === "string") return text
  if (typeof resource?.text === "string") return resource.text
  const link = uri ?? resource?.uri
  return typeof link === "string" ? `[${name ?? type}](${link})` : `[${type}]`
}
