/** The model of the fake provider that the acceptance tests talk to. */
import type { Scenario } from "../../test/support/FakeProvider.ts"

/** Returns the text of a message, whose content is a text or a list of parts. */
const textOf = (content: unknown): string =>
  Array.isArray(content)
    ? content.flatMap((part) => (part?.type === "text" ? [String(part.text)] : [])).join("\n")
    : String(content)

/**
 * Calls the tool that the message names, with the JSON after it, and answers with the result. Answers another message with
 * its own text. A message that begins with `wait` gets the beginning of an answer.
 */
export const answers: Scenario = async (answer, { body, count, results }) => {
  if (results.length > 0) {
    await answer.text(...results)
    return answer.end()
  }
  const text = textOf(body.messages.at(-1)?.["content"])
  const [, tool, input = ""] = /^(\S+) (\{.*\})$/s.exec(text) ?? []
  if (tool !== undefined) {
    await answer.tool(`call_${count}`, tool, input)
    return answer.end("tools")
  }
  await answer.text("heard: ", text)
  if (!text.startsWith("wait")) await answer.end()
}
