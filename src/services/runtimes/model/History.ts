/**
 * Turns a transcript into the messages of a prompt. It is pure. ModelRun.ts and Compaction.ts use it.
 *
 * - Thinking is left out: providers want it back within a run only.
 * - A tool's message becomes a call with its result. The calls of a run between two texts become one step. A tool that the
 *   agent does not have now becomes a note, because providers refuse calls of tools that the request does not define.
 * - Notes by the gateway and operators become messages of the user, because few providers take system messages later on.
 */
import * as Prompt from "effect/ai/Prompt"
import { type Attachment, describe } from "../../../domain/Attachment.ts"
import type { Message, ToolCall } from "../../../domain/Message.ts"
import { placeholder, resultPart } from "./FilePlaceholder.ts"
import { shortenedResult, type Unit } from "./Trimming.ts"

/** A unit of the prompt, with the id of the newest message of the transcript in it. */
export interface HistoryUnit {
  readonly upTo: number
  readonly unit: Unit
}

export interface History {
  /** The summary of the messages before the units. */
  readonly summary: string | undefined
  readonly units: ReadonlyArray<HistoryUnit>
}

/** Returns a message of the user with placeholders for its files. */
export const userMessage = (text: string, attachments: ReadonlyArray<Attachment> = []): Prompt.UserMessage =>
  Prompt.userMessage({
    content: [
      ...attachments.map(placeholder),
      ...(text === "" && attachments.length > 0 ? [] : [Prompt.textPart({ text })]),
    ],
  })

const assistantMessage = (text: string): Prompt.AssistantMessage =>
  Prompt.assistantMessage({ content: [Prompt.textPart({ text })] })

type ToolMessage = Message & { readonly tool: ToolCall }

const isToolMessage = (message: Message): message is ToolMessage => message.tool !== undefined

/** Returns the input of a call as an object, as all providers want it. */
const parametersOf = (input: string): object => {
  try {
    const value: unknown = JSON.parse(input)
    return typeof value === "object" && value !== null && !Array.isArray(value) ? value : { input: value }
  } catch {
    return { input }
  }
}

/** Ids of calls may repeat over the runs of a transcript, but not within a prompt. */
const callId = ({ id }: Message): string => `call_${id}`

const stepOf = (messages: ReadonlyArray<ToolMessage>): Unit => [
  Prompt.assistantMessage({
    content: messages.map((message) =>
      Prompt.toolCallPart({
        id: callId(message),
        name: message.tool.name,
        params: parametersOf(message.tool.input),
        providerExecuted: false,
      }),
    ),
  }),
  Prompt.toolMessage({
    content: messages.map((message) => {
      const { isError, name, output } = message.tool
      return resultPart({ id: callId(message), name, isFailure: isError, result: output }, message.attachments)
    }),
  }),
]

const noteOf = ({ attachments = [], tool: { input, isError, name, output } }: ToolMessage): string => {
  const said = [shortenedResult(output), ...attachments.map(describe)].join("\n")
  return `[Note: a tool "${name}" was called with ${shortenedResult(input)}. ${isError ? "It failed" : "It returned"}: ${said}]`
}

const isSummary = ({ summaryUpTo }: Message): boolean => summaryUpTo !== undefined

/** Returns the calls of the same run that follow the message at `index` without a text between them. */
const callsAfter = (
  transcript: ReadonlyArray<Message>,
  index: number,
  canCall: (message: Message) => message is ToolMessage,
): ReadonlyArray<ToolMessage> => {
  const calls: Array<ToolMessage> = []
  for (const message of transcript.slice(index + 1)) {
    if (!canCall(message) || message.runId !== transcript[index]!.runId) break
    calls.push(message)
  }
  return calls
}

/** Returns the history of a run as units. `tools`: the names of the tools that the request defines. */
export const historyOf = (transcript: ReadonlyArray<Message>, tools: ReadonlySet<string>): History => {
  const units: Array<HistoryUnit> = []
  const canCall = (message: Message): message is ToolMessage => isToolMessage(message) && tools.has(message.tool.name)

  for (let i = 0; i < transcript.length; i++) {
    const message = transcript[i]!
    const { attachments = [], id, role, text } = message
    const add = (unit: Unit, upTo = id) => units.push({ upTo, unit })
    if (isSummary(message)) continue
    if (canCall(message)) {
      const step = [message, ...callsAfter(transcript, i, canCall)]
      i += step.length - 1
      add(stepOf(step), step.at(-1)!.id)
    } else if (isToolMessage(message)) add([userMessage(noteOf(message))])
    else if (text === "" && attachments.length === 0) continue
    else if (role === "assistant")
      add([assistantMessage([text, ...attachments.map(describe)].filter(Boolean).join("\n"))])
    else add([userMessage(role === "system" ? `[Note: ${text}]` : text, attachments)])
  }
  return { summary: transcript.find(isSummary)?.text, units }
}

const isText = (message: Prompt.Message): boolean =>
  typeof message.content !== "string" && message.content.every(({ type }) => type === "text")

const textIn = ({ content }: Prompt.Message): string =>
  typeof content === "string" ? content : content.map((part) => (part.type === "text" ? part.text : "")).join("\n\n")

const LEFT_OUT = "[Note: the earlier part of this conversation is left out.]"

/** Lets the user begin, and merges neighbouring texts of one author: many models want the authors to alternate. */
export const alternating = (messages: ReadonlyArray<Prompt.Message>): ReadonlyArray<Prompt.Message> => {
  const merged: Array<Prompt.Message> = messages[0]?.role === "user" ? [] : [userMessage(LEFT_OUT)]
  for (const message of messages) {
    const last = merged.at(-1)
    const joins = last?.role === message.role && message.role !== "tool" && isText(last) && isText(message)
    if (last?.role === "user" && message.role === "user" && !joins) {
      merged[merged.length - 1] = Prompt.userMessage({ content: [...last.content, ...message.content] })
    } else if (!joins) merged.push(message)
    else {
      const text = `${textIn(last)}\n\n${textIn(message)}`
      merged[merged.length - 1] = message.role === "user" ? userMessage(text) : assistantMessage(text)
    }
  }
  return merged
}
