/**
 * Conversation: turns the messages of an OpenAI request into the one message of a turn. Pure. ChatCompletions.ts,
 * Responses.ts and ToolResults.ts use it.
 *
 * A client of OpenAI's API keeps the conversation and sends all of it each time. The gateway's sessions keep it themselves,
 * so a session that exists gets only the new messages.
 */

import type { AttachmentUpload } from "../../domain/Attachment.ts"

/** A call of a client's tool, as an answer of the model names it. */
export interface FunctionCall {
  readonly id: string
  readonly name: string
  /** JSON, as the model wrote it. */
  readonly arguments: string
}

export interface Utterance {
  readonly role: "system" | "user" | "assistant" | "tool"
  readonly text: string
  /** The images and files of the message. */
  readonly files?: ReadonlyArray<AttachmentUpload>
  /** The calls of an answer. */
  readonly calls?: ReadonlyArray<FunctionCall>
  /** The id of the call whose result the message is. */
  readonly resultOf?: string
}

/** The message of a turn. */
export interface TurnMessage {
  readonly text: string
  readonly attachments?: ReadonlyArray<AttachmentUpload>
}

const block = (name: string, text: string): string => `<${name}>\n${text}\n</${name}>`

/** Returns the parts that are not empty, as one text. */
const joined = (parts: ReadonlyArray<string>, separator: string): string =>
  parts.filter((part) => part !== "").join(separator)

const hasContent = ({ calls = [], files = [], resultOf, text }: Utterance): boolean =>
  text !== "" || files.length > 0 || calls.length > 0 || resultOf !== undefined

const callText = ({ arguments: input, id, name }: FunctionCall): string =>
  `[calls the tool ${JSON.stringify(name)} as ${JSON.stringify(id)} with ${input}]`

/** Returns the words of a message, with its calls. */
const words = ({ calls = [], text }: Utterance): string => joined([text, ...calls.map(callText)], "\n")

const named = (utterance: Utterance): string =>
  utterance.resultOf === undefined
    ? block(utterance.role, words(utterance))
    : `<tool call=${JSON.stringify(utterance.resultOf)}>\n${utterance.text}\n</tool>`

/** Returns the messages without the instructions and without empty ones. */
const spokenIn = (conversation: ReadonlyArray<Utterance>): ReadonlyArray<Utterance> =>
  conversation.filter((one) => one.role !== "system" && hasContent(one))

/** Returns the messages since the last answer: those of the user, and the results of tools. */
export const newestIn = (conversation: ReadonlyArray<Utterance>): ReadonlyArray<Utterance> => {
  const spoken = spokenIn(conversation)
  return spoken.slice(spoken.findLastIndex(({ role, resultOf }) => role !== "user" && resultOf === undefined) + 1)
}

/** Returns the texts of the messages that are not results of tools, and the files of all. */
export const messageOf = (utterances: ReadonlyArray<Utterance>): TurnMessage => {
  const attachments = utterances.flatMap(({ files = [] }) => files)
  const texts = utterances.map(({ resultOf, text }) => (resultOf === undefined ? text : ""))
  return { text: joined(texts, "\n\n"), ...(attachments.length > 0 && { attachments }) }
}

/**
 * Returns the message of the turn. Its text has the instructions (the system messages), the earlier messages, the results of
 * tools, then the messages of the user since the last reply. Its files are those of the same messages. Returns `undefined`
 * if nothing comes after the last reply. `isKept`: the session keeps the earlier messages, so this one leaves them out.
 */
export const turnOf = (conversation: ReadonlyArray<Utterance>, isKept: boolean): TurnMessage | undefined => {
  const instructions = conversation.filter(({ role }) => role === "system").map(({ text }) => text)
  const newest = newestIn(conversation)
  if (newest.length === 0) return undefined
  const earlier = isKept ? [] : spokenIn(conversation).slice(0, -newest.length)
  const parts = [
    ...(instructions.length === 0 ? [] : [block("instructions", instructions.join("\n\n"))]),
    ...(earlier.length === 0 ? [] : [block("conversation", earlier.map(named).join("\n"))]),
    ...newest.filter(({ resultOf }) => resultOf !== undefined).map(named),
    messageOf(newest).text,
  ]
  return { ...messageOf([...earlier, ...newest]), text: joined(parts, "\n\n") }
}
