/** The model of the fake provider that the acceptance tests talk to. */
import type { Scenario } from "../../test/support/FakeProvider.ts"

/** Returns the text of a message, whose content is a text or a list of parts. */
const textOf = (content: unknown): string =>
  Array.isArray(content)
    ? content.flatMap((part) => (part?.type === "text" ? [String(part.text)] : [])).join("\n")
    : String(content)

/** OpenClaw adds such a message after that of the person. */
const ABOUT_ITSELF = "<<<BEGIN_OPENCLAW_INTERNAL_CONTEXT>>>"

/**
 * Calls the tool that the message names, with the JSON after it, and answers with the result. Answers another message with
 * its own text. A message with `wait for me` gets the beginning of an answer only.
 */
export const answers: Scenario = async (answer, { body, count, results }) => {
  if (results.length > 0) {
    await answer.text(...results)
    return answer.end()
  }
  const said = body.messages.filter(({ role }) => role === "user").map(({ content }) => textOf(content))
  const text = said.findLast((text) => !text.startsWith(ABOUT_ITSELF)) ?? ""
  const [, tool, input = ""] = /^(\S+) (\{.*\})$/s.exec(text) ?? []
  if (tool !== undefined) {
    await answer.tool(`call_${count}`, tool, input)
    return answer.end("tools")
  }
  await answer.text("heard: ", text)
  if (!text.includes("wait for me")) await answer.end()
}
