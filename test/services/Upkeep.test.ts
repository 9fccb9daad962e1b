/**
 * What is cleared away once it is of no use, and what is not.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import * as Cluster from "../../src/services/Cluster.ts"
import { Runs } from "../../src/services/Runs.ts"
import { Sqlite } from "../../src/services/Sqlite.ts"
import * as TurnRetention from "../../src/services/TurnRetention.ts"
import { ask, layer, principal } from "../support/Conversations.ts"
import { staged } from "../support/StagedRuntime.ts"

const DAY = 86_400_000

/** As if so much time had gone by. */
const later =
  (ms: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.andThen(TestClock.setTime(Date.now() + ms), effect).pipe(Effect.provide(TestClock.layer()))

const count = (table: string) =>
  Effect.flatMap(Sqlite, ({ db, withLock }) =>
    withLock(Effect.sync(() => Number(db.prepare(`SELECT count(*) AS n FROM ${table}`).get()?.["n"]))),
  )

const processed = (n: number) =>
  Effect.gen(function* () {
    while ((yield* count("actor_messages WHERE processed = 1")) < n) yield* Effect.sleep("1 millis")
  })

describe("the messages of actors", () => {
  it.live("go once they are answered and no longer young; what is not answered stays", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* runs.accept({ text: "ends", sessionKey: "a" }, principal)
      yield* (yield* next).end
      yield* runs.accept({ text: "goes on", sessionKey: "b" }, principal)
      yield* next
      yield* processed(1)
      yield* Cluster.sweep
      expect(yield* count("actor_messages")).toBe(2)
      yield* later(120_000)(Cluster.sweep)
      expect(yield* count("actor_messages")).toBe(1)
      expect(yield* count("actor_replies")).toBe(0)
    }).pipe(Effect.provide(layer({ config: { runtime: "staged" }, runtimes: [runtime] })))
  })
})

describe("ended turns", () => {
  it.live("are remembered as long as events are; then their key is free, and their messages stay", () => {
    const config = { events: { retainDays: 2 } }
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* ask("x", "s", "key")
      yield* later(DAY)(TurnRetention.forget)
      expect((yield* runs.accept({ text: "x", sessionKey: "s", idempotencyKey: "key" }, principal)).duplicate).toBe(
        true,
      )
      yield* later(3 * DAY)(TurnRetention.forget)
      expect(yield* Effect.flip(runs.get("key"))).toMatchObject({ _tag: "RunNotFound" })
      expect(yield* count("messages")).toBe(2)
    }).pipe(Effect.provide(layer({ config })))
  })

  it.live("are the only ones that are forgotten", () => {
    const { next, runtime } = staged()
    const config = { runtime: "staged", events: { retainDays: 1 } }
    return Effect.gen(function* () {
      const runs = yield* Runs
      const { runId } = yield* runs.accept({ text: "x", sessionKey: "s" }, principal)
      yield* next
      yield* later(3 * DAY)(TurnRetention.forget)
      expect((yield* runs.get(runId)).state).toBe("running")
    }).pipe(Effect.provide(layer({ config, runtimes: [runtime] })))
  })
})
