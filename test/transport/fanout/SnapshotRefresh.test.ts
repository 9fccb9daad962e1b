/**
 * Lists that are told again: at once, then gathered.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as TestClock from "effect/testing/TestClock"
import * as SnapshotRefresh from "../../../src/transport/fanout/SnapshotRefresh.ts"
import { call, Contract, type Query } from "../../../src/transport/dialect/Query.ts"

const PAUSE_MS = 1_000

const make = Effect.gen(function* () {
  const told: Array<string> = []
  const asked: Array<string> = []
  const answer = (method: string) =>
    Effect.suspend(() => {
      asked.push(method)
      return method === "health" ? Effect.fail({ _tag: "Internal" } as const) : Effect.succeed({})
    })
  const { add } = yield* SnapshotRefresh.make<string>(Contract.calling(answer), PAUSE_MS, (group, key, text) => {
    told.push(`${group} ${key} ${text}`)
  })
  const list = (text: string): Query<string> => Effect.map(call("status", {}), () => text)
  return { add, asked, told, list }
})

describe("a list", () => {
  it.effect("is told at once, and then at most once in the pause, as it is then", () =>
    Effect.gen(function* () {
      const { add, asked, list, told } = yield* make
      add("all", "sessions", list("first"))
      yield* TestClock.adjust(0)
      expect(told).toEqual(["all sessions first"])
      for (let i = 0; i < 1_000; i++) add("all", "sessions", list(`change ${i}`))
      yield* TestClock.adjust(PAUSE_MS - 1)
      expect(told).toHaveLength(1)
      yield* TestClock.adjust(1)
      expect(told).toEqual(["all sessions first", "all sessions change 999"])
      expect(asked).toHaveLength(2)
      yield* TestClock.adjust(10 * PAUSE_MS)
      expect(told).toHaveLength(2)
    }),
  )

  it.effect("is each group's and each key's own", () =>
    Effect.gen(function* () {
      const { add, list, told } = yield* make
      add("a", "sessions", list("1"))
      add("a", "tasks", list("2"))
      add("b", "sessions", list("3"))
      yield* TestClock.adjust(0)
      expect(told).toEqual(["a sessions 1", "a tasks 2", "b sessions 3"])
    }),
  )

  it.effect("that cannot be had now does not keep others from being told, now and later", () =>
    Effect.gen(function* () {
      const { add, list, told } = yield* make
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
      add("all", "sessions", list("told"))
      yield* TestClock.adjust(0)
      expect(told).toEqual(["all sessions told"])
      add("all", "sessions", list("again"))
      yield* TestClock.adjust(PAUSE_MS)
      expect(told).toEqual(["all sessions told", "all sessions again"])
    }),
  )
})
