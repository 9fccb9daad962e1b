import { describe, expect, it } from "@effect/vitest"
import type { Message } from "../../../../src/domain/Message.ts"
import { isDue, olderPart, summaryPrompt } from "../../../../src/services/runtimes/model/Compaction.ts"
import { historyOf } from "../../../../src/services/runtimes/model/History.ts"
import { tokensOfMessages } from "../../../../src/services/runtimes/model/TokenEstimate.ts"
import { shown } from "../../../support/ScriptedModels.ts"

/** A history of questions and answers, each with a text of this length. */
const historyWith = (questions: number, chars: number) =>
  historyOf(
    Array.from({ length: questions * 2 }, (_, i): Message => ({
      id: i + 1,
      sessionKey: "s",
      runId: String(i),
      role: i % 2 === 0 ? "user" : "assistant",
      text: `${i + 1} ${"x".repeat(chars)}`,
      at: 0,
    })),
    new Set(),
  )

describe("isDue", () => {
  it("A history above its share of the budget is due, and so is one of very many messages.", () => {
    const history = historyWith(10, 350)
    const tokens = tokensOfMessages(history.units.flatMap(({ unit }) => unit))
    expect(isDue(history, tokens * 2, 0.6)).toBe(false)
    expect(isDue(history, tokens * 2, 0.4)).toBe(true)
    expect(isDue(historyWith(75, 1), 1_000_000, 0.8)).toBe(false)
    expect(isDue(historyWith(76, 1), 1_000_000, 0.8)).toBe(true)
  })

  it("A share of 0 is never due.", () => {
    expect(isDue(historyWith(100, 1_000), 10, 0)).toBe(false)
  })
})

describe("olderPart", () => {
  it("The rest begins with a user's message and has at most 30 percent of the budget.", () => {
    const { units } = historyWith(10, 350)
    const older = olderPart(units, 1_500)
    const rest = units.slice(older.length)
    expect(shown(rest[0]!.unit[0]!)).toMatch(/^user:/)
    expect(tokensOfMessages(rest.flatMap(({ unit }) => unit))).toBeLessThanOrEqual(450)
    expect(rest.length).toBeGreaterThan(0)
  })

  it("The rest has at most 50 messages.", () => {
    const { units } = historyWith(90, 1)
    expect(olderPart(units, 1_000_000).at(-1)!.upTo).toBe(130)
  })

  it("A last exchange that is too long is summarized too.", () => {
    const { units } = historyWith(3, 10_000)
    expect(olderPart(units, 1_000)).toHaveLength(6)
  })
})

describe("summaryPrompt", () => {
  it("It holds the earlier summary and the conversation.", () => {
    const [, request] = summaryPrompt("They met.", historyWith(1, 1).units, 1_000)
    expect(shown(request!)).toBe(
      "user: <conversation>\nSummary of what came before:\nThey met.\n\nUser: 1 x\n\nAssistant: 2 x\n</conversation>\n\nSummarize the conversation.",
    )
  })

  it("A text that is too long is cut in its middle.", () => {
    const messages = summaryPrompt("They met.", historyWith(50, 1_000).units, 2_000)
    expect(tokensOfMessages(messages)).toBeLessThan(2_400)
    expect(shown(messages[1]!)).toContain("They met.")
    expect(shown(messages[1]!)).toContain("characters are left out here")
    expect(summaryPrompt("They met.", historyWith(5, 10).units, -5)).toHaveLength(2)
  })
})
