import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as SnapshotRefresh from "../../../src/transport/fanout/SnapshotRefresh.ts"
import { call, Contract, type Query } from "../../../src/transport/dialect/Query.ts"

const PAUSE_MS = 1_000

const make = Effect.gen(function* () {
  const published: Array<string> = []
  const calls: Array<string> = []
  const answer = (method: string) =>
    Effect.suspend(() => {
      calls.push(method)
      return method === "health" ? Effect.fail({ _tag: "Internal" } as const) : Effect.succeed({})
    })
  const { add } = yield* SnapshotRefresh.make<string>(Contract.calling(answer), PAUSE_MS, (group, key, text) => {
    published.push(`${group} ${key} ${text}`)
  })
  const list = (text: string): Query<string> => Effect.map(call("status", {}), () => text)
  return { add, calls, published, list }
})

describe("SnapshotRefresh", () => {
  it.effect("A list is published at once, and then at most once in the pause, with its newest content.", () =>
    Effect.gen(function* () {
      const { add, calls, list, published } = yield* make
      add("all", "sessions", list("first"))
      yield* TestClock.adjust(0)
      expect(published).toEqual(["all sessions first"])
      for (let i = 0; i < 1_000; i++) add("all", "sessions", list(`change ${i}`))
      yield* TestClock.adjust(PAUSE_MS - 1)
      expect(published).toHaveLength(1)
      yield* TestClock.adjust(1)
      expect(published).toEqual(["all sessions first", "all sessions change 999"])
      expect(calls).toHaveLength(2)
      yield* TestClock.adjust(10 * PAUSE_MS)
      expect(published).toHaveLength(2)
    }),
  )

  it.effect("Each group and each key has a list of its own.", () =>
    Effect.gen(function* () {
      const { add, list, published } = yield* make
      add("a", "sessions", list("1"))
      add("a", "tasks", list("2"))
      add("b", "sessions", list("3"))
      yield* TestClock.adjust(0)
      expect(published).toEqual(["a sessions 1", "a tasks 2", "b sessions 3"])
    }),
  )

  it.effect("A list whose query fails does not stop other lists.", () =>
    Effect.gen(function* () {
      const { add, list, published } = yield* make
      add(
        "all",
        "broken",
        Effect.map(call("health", {}), () => "never"),
      )
      add(
        "all",
        "wrong",
        Effect.flatMap(call("status", {}), () => {
          throw new Error("a bug in a dialect")
        }),
      )
      add("all", "sessions", list("made"))
      yield* TestClock.adjust(0)
      expect(published).toEqual(["all sessions made"])
      add("all", "sessions", list("again"))
      yield* TestClock.adjust(PAUSE_MS)
      expect(published).toEqual(["all sessions made", "all sessions again"])
    }),
  )
})
