import { describe, expect, it } from "@effect/vitest"
import type { RuntimeEvent } from "../../../src/domain/Run.ts"
import { RunBudget } from "../../../src/services/runs/RunBudget.ts"

const text: RuntimeEvent = { _tag: "Text", text: "x" }

const used = (inputTokens: number, outputTokens: number): RuntimeEvent => ({
  _tag: "Usage",
  usage: { inputTokens, outputTokens },
})

describe("RunBudget", () => {
  it("A run may emit its events of a second at once, and further ones as time passes.", () => {
    const budget = new RunBudget({ tokens: 0, eventsPerSecond: 10 }, 0)
    for (let n = 0; n < 10; n++) expect(budget.exceededBy(text, 0)).toBeUndefined()
    expect(budget.exceededBy(text, 100)).toBeUndefined()
    expect(budget.exceededBy(text, 100)).toBe(
      "The run emitted more than 10 events in a second, the limit of the option runs.eventsPerSecond.",
    )
  })

  it("A long pause saves up no more than one second, and a clock that is set back takes nothing away.", () => {
    const budget = new RunBudget({ tokens: 0, eventsPerSecond: 2 }, 10_000)
    expect(budget.exceededBy(text, 5_000)).toBeUndefined()
    expect([60_000, 60_000, 60_000].map((at) => budget.exceededBy(text, at) === undefined)).toEqual([true, true, false])
  })

  it("Tokens of all model calls add up, and 0 is no limit.", () => {
    const budget = new RunBudget({ tokens: 100, eventsPerSecond: 100 }, 0)
    expect(budget.exceededBy(used(90, 10), 0)).toBeUndefined()
    expect(budget.exceededBy(used(1, 0), 0)).toBe("The run used 101 tokens. The option runs.tokens allows 100.")
    expect(new RunBudget({ tokens: 0, eventsPerSecond: 1 }, 0).exceededBy(used(1e9, 0), 0)).toBeUndefined()
  })
})
