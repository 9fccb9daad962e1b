/**
 * ErrorSentence: turns the tag of an error into a sentence for people. The dialects and the promise client use it for
 * errors without a message.
 */

/** Returns the words of a tag: `Agent not found` for `AgentNotFound`. */
export const errorSentence = (tag: string): string => {
  const words = tag.replace(/(?<=[a-z])(?=[A-Z])/g, " ").toLowerCase()
  return words.charAt(0).toUpperCase() + words.slice(1)
}
