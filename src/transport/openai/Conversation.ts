/**
 * Conversation: turns the messages of an OpenAI request into the one message of a turn. Pure. ChatCompletions.ts and
 * Responses.ts use it.
 *
 * A client of OpenAI's API keeps the conversation and sends all of it each time. The gateway's sessions keep it themselves,
 * so a session that exists gets only the new messages.
 */

import type { AttachmentUpload } from "../../domain/Attachment.ts"

export interface Utterance {
  readonly role: "system" | "user" | "assistant" | "tool"
  readonly text: string
  /** The images and files of the message. */
  readonly files?: ReadonlyArray<AttachmentUpload>
}

/** The message of a turn. */
export interface TurnMessage {
  readonly text: string
  readonly attachments?: ReadonlyArray<AttachmentUpload>
}

const block = (name: string, text: string): string => `<${name}>\n${text}\n</${name}>`

const hasContent = ({ files = [], text }: Utterance): boolean => text !== "" || files.length > 0

/**
 * Returns the message of the turn. Its text has the instructions (the system messages), the earlier messages, then the messages of the user
 * since the last reply. Its files are those of the same messages. Returns `undefined` if the user says nothing after the last
 * reply. `isKept`: the session keeps the earlier messages, so this one leaves them out.
 */
export const turnOf = (conversation: ReadonlyArray<Utterance>, isKept: boolean): TurnMessage | undefined => {
  const instructions = conversation.filter(({ role }) => role === "system").map(({ text }) => text)
  const spoken = conversation.filter((one) => one.role !== "system" && hasContent(one))
  const start = spoken.findLastIndex(({ role }) => role !== "user") + 1
  const message = spoken.slice(start)
  if (message.length === 0) return undefined
  const earlier = isKept ? [] : spoken.slice(0, start)
  const files = [...earlier, ...message].flatMap((one) => one.files ?? [])
  const text = [
    ...(instructions.length === 0 ? [] : [block("instructions", instructions.join("\n\n"))]),
    ...(earlier.length === 0
      ? []
      : [block("conversation", earlier.map(({ role, text }) => block(role, text)).join("\n"))]),
    ...message.map(({ text }) => text).filter((text) => text !== ""),
  ].join("\n\n")
  return { text, ...(files.length > 0 && { attachments: files }) }
}
