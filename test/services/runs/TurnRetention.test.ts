import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Runs } from "../../../src/services/runs/Runs.ts"
import * as TurnRetention from "../../../src/services/runs/TurnRetention.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"
import { staged } from "../../support/StagedRuntime.ts"
import { TestDatabase } from "../../support/TestDatabase.ts"

const DAY = 86_400_000

/** Runs the effect at a later time. */
const later =
  (ms: number) =>
  <A, E, R>(effect: Effect.Effect<A, E, R>) =>
    Effect.andThen(TestClock.setTime(Date.now() + ms), effect).pipe(Effect.provide(TestClock.layer()))

describe("TurnRetention", () => {
  it.live("An ended turn is removed after retainDays: its key is free and its messages stay.", () => {
    const config = { events: { retainDays: 2 } }
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* ask("x", "s", "key")
      yield* later(DAY)(TurnRetention.removeOldTurns)
      expect((yield* runs.accept({ text: "x", sessionKey: "s", idempotencyKey: "key" }, principal)).duplicate).toBe(
        true,
      )
      yield* later(3 * DAY)(TurnRetention.removeOldTurns)
      expect(yield* Effect.flip(runs.get("key"))).toMatchObject({ _tag: "RunNotFound" })
      const { query } = yield* TestDatabase
      expect(yield* query("SELECT count(*) AS n FROM messages")).toMatchObject([{ n: 2 }])
    }).pipe(Effect.provide(layer({ config })))
  })

  it.live("An open turn is never removed.", () => {
    const { next, runtime } = staged()
    const config = { runtime: "staged", events: { retainDays: 1 } }
    return Effect.gen(function* () {
      const runs = yield* Runs
      const { runId } = yield* runs.accept({ text: "x", sessionKey: "s" }, principal)
      yield* next
      yield* later(3 * DAY)(TurnRetention.removeOldTurns)
      expect((yield* runs.get(runId)).state).toBe("running")
    }).pipe(Effect.provide(layer({ config, runtimes: [runtime] })))
  })
})
