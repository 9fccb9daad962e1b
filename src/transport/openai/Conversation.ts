/**
 * Conversation: turns the messages of an OpenAI request into the one message of a turn. Pure. ChatCompletions.ts and
 * Responses.ts use it.
 *
 * A client of OpenAI's API keeps the conversation and sends all of it each time. The gateway's sessions keep it themselves,
 * so a session that exists gets only the new messages.
 */

export interface Utterance {
  readonly role: "system" | "user" | "assistant" | "tool"
  readonly text: string
}

const block = (name: string, text: string): string => `<${name}>\n${text}\n</${name}>`

/**
 * Returns the text of the turn: the instructions (the system messages), the earlier messages, then the messages of the user
 * since the last reply. Returns `undefined` if the user says nothing after the last reply. `isKept`: the session keeps
 * the earlier messages, so the text leaves them out.
 */
export const turnText = (conversation: ReadonlyArray<Utterance>, isKept: boolean): string | undefined => {
  const instructions = conversation.filter(({ role }) => role === "system").map(({ text }) => text)
  const spoken = conversation.filter(({ role, text }) => role !== "system" && text !== "")
  const start = spoken.findLastIndex(({ role }) => role !== "user") + 1
  const message = spoken.slice(start).map(({ text }) => text)
  if (message.length === 0) return undefined
  const earlier = isKept ? [] : spoken.slice(0, start)
  return [
    ...(instructions.length === 0 ? [] : [block("instructions", instructions.join("\n\n"))]),
    ...(earlier.length === 0
      ? []
      : [block("conversation", earlier.map(({ role, text }) => block(role, text)).join("\n"))]),
    ...message,
  ].join("\n\n")
}
