/** Queries: repeated calls, over a contract that records the parameters of each call. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { awaitRun, newestMessages } from "../../../src/transport/dialect/Queries.ts"
import { Contract, type Query } from "../../../src/transport/dialect/Query.ts"

/** Runs a query. `answer` returns the result of each call. */
const run = <A>(query: Query<A>, answer: (params: any) => unknown) => {
  const calls: Array<unknown> = []
  const contract = Contract.calling((_method, params) =>
    Effect.sync(() => {
      calls.push(params)
      return answer(params)
    }),
  )
  return { result: Effect.runSync(Effect.provideService(query, Contract, contract)), calls }
}

describe("newestMessages", () => {
  /** The history of a session whose messages have the ids 1 to `total`. */
  const history =
    (total: number) =>
    ({ before = total + 1, limit }: { readonly before?: number; readonly limit: number }) => {
      const first = Math.max(1, before - limit)
      return {
        messages: Array.from({ length: before - first }, (_, i) => ({ id: first + i })),
        nextBefore: first > 1 ? first : null,
      }
    }

  const Count = Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1_000 }))

  it.prop(
    "Returns the newest messages, oldest first, however many pages they fill.",
    [Count, Count],
    ([total, count]) => {
      const { result } = run(newestMessages("k", count), history(total))
      const length = Math.min(total, count)
      expect(result.map(({ id }) => id)).toEqual(Array.from({ length }, (_, i) => total - length + 1 + i))
    },
  )

  it("The last page asks only for the messages that are missing.", () => {
    const { calls } = run(newestMessages("k", 250), history(1_000))
    expect(calls).toEqual([
      { key: "k", limit: 200 },
      { key: "k", limit: 50, before: 801 },
    ])
  })
})

describe("awaitRun", () => {
  it("A run that ends during the second wait is returned.", () => {
    const states = ["queued", "running", "done"]
    const { calls, result } = run(awaitRun("r"), () => ({ runId: "r", state: states.shift() }))
    expect(result.state).toBe("done")
    expect(calls).toEqual(Array.from({ length: 3 }, () => ({ runId: "r", timeoutMs: 600_000 })))
  })

  it.each([
    [700_000, [600_000, 100_000]],
    [10.5, [10]],
    [-1, [0]],
  ])("A wait of %d ms for a run that stays open makes the waits %j.", (timeoutMs, waits) => {
    const { calls, result } = run(awaitRun("r", timeoutMs), () => ({ runId: "r", state: "running" }))
    expect(result.state).toBe("running")
    expect(calls).toEqual(waits.map((timeoutMs) => ({ runId: "r", timeoutMs })))
  })
})
