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

const hasContent = ({ calls = [], files = [], resultOf, text }: Utterance): boolean =>
  text !== "" || files.length > 0 || calls.length > 0 || resultOf !== undefined

const callText = ({ arguments: input, id, name }: FunctionCall): string =>
  `[calls the tool ${JSON.stringify(name)} as ${JSON.stringify(id)} with ${input}]`

/** Returns the words of a message, with its calls. */
const words = ({ calls = [], text }: Utterance): string =>
  [text, ...calls.map(callText)].filter((part) => part !== "").join("\n")

const named = (utterance: Utterance): string =>
  utterance.resultOf === undefined
    ? block(utterance.role, words(utterance))
    : `<tool call=${JSON.stringify(utterance.resultOf)}>\n${utterance.text}\n</tool>`

/** Returns the messages since the last answer: those of the user, and the results of tools. */
export const newestIn = (conversation: ReadonlyArray<Utterance>): ReadonlyArray<Utterance> => {
  const spoken = conversation.filter((one) => one.role !== "system" && hasContent(one))
  return spoken.slice(spoken.findLastIndex(({ role, resultOf }) => role !== "user" && resultOf === undefined) + 1)
}

/** Returns the text and the files of messages, without results of tools. */
export const messageOf = (utterances: ReadonlyArray<Utterance>): TurnMessage => {
  const attachments = utterances.flatMap(({ files = [] }) => files)
  const texts = utterances.flatMap(({ resultOf, text }) => (resultOf === undefined && text !== "" ? [text] : []))
  return { text: texts.join("\n\n"), ...(attachments.length > 0 && { attachments }) }
}

/**
 * Returns the message of the turn. Its text has the instructions (the system messages), the earlier messages, the results of
 * tools, then the messages of the user since the last reply. Its files are those of the same messages. Returns `undefined`
 * if nothing comes after the last reply. `isKept`: the session keeps the earlier messages, so this one leaves them out.
 */
export const turnOf = (conversation: ReadonlyArray<Utterance>, isKept: boolean): TurnMessage | undefined => {
  const instructions = conversation.filter(({ role }) => role === "system").map(({ text }) => text)
  const spoken = conversation.filter((one) => one.role !== "system" && hasContent(one))
  const newest = newestIn(conversation)
  if (newest.length === 0) return undefined
  const earlier = isKept ? [] : spoken.slice(0, spoken.length - newest.length)
  const said = messageOf([...earlier, ...newest])
  const text = [
    ...(instructions.length === 0 ? [] : [block("instructions", instructions.join("\n\n"))]),
    ...(earlier.length === 0 ? [] : [block("conversation", earlier.map(named).join("\n"))]),
    ...newest.filter(({ resultOf }) => resultOf !== undefined).map(named),
    ...newest.flatMap(({ resultOf, text }) => (resultOf === undefined && text !== "" ? [text] : [])),
  ].join("\n\n")
  return { ...said, text }
}
