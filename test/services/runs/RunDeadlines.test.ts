import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { TestClock } from "effect/testing"
import { Events } from "../../../src/services/events/Events.ts"
import { principal } from "../../support/Conversations.ts"
import { recordEvents, untilEvent } from "../../support/Published.ts"
import * as StoppableConversations from "../../support/StoppableConversations.ts"
import { newPlace } from "../../support/TestDatabase.ts"

const start = Effect.fnUntraced(function* (place?: string) {
  const { services, ...started } = yield* StoppableConversations.start({ place })
  const { runs, sessions } = started
  const events = yield* Effect.provide(Events, services)
  const send = (runId: string, timeoutMs?: number, text = runId) =>
    runs.accept(
      { text, sessionKey: "s", idempotencyKey: runId, ...(timeoutMs !== undefined && { timeoutMs }) },
      principal,
    )
  const transcript = Effect.map(sessions.history("s", { limit: 10 }), ({ messages }) =>
    messages.map(({ aborted, failed, role, text }) => [role, text, aborted ?? failed?.reason ?? null]),
  )
  return { ...started, events, send, transcript }
})

const timedOut = { state: "aborted", error: { reason: "timeout" } }

describe("RunDeadlines", () => {
  it.effect("A run that exceeds its time is aborted, its runtime is interrupted, and its output stays.", () =>
    Effect.gen(function* () {
      const { events, next, runs, send, transcript } = yield* start()
      const published = yield* Effect.provideService(recordEvents, Events, events)
      yield* send("late", 1_000)
      const run = yield* next
      yield* run.say("half a reply")
      yield* Effect.provideService(
        untilEvent(() => published.some(({ _tag }) => _tag === "TextDelta")),
        Events,
        events,
      )
      yield* TestClock.adjust(999)
      expect((yield* runs.get("late")).state).toBe("running")
      yield* TestClock.adjust(1)
      expect(yield* runs.wait("late", 1_000)).toMatchObject(timedOut)
      yield* Deferred.await(run.interrupted)
      expect(yield* transcript).toEqual([
        ["user", "late", null],
        ["assistant", "half a reply", true],
      ])
    }).pipe(Effect.scoped),
  )

  it.effect("A waiting run whose time is up never starts, and the user's message stays with the reason.", () =>
    Effect.gen(function* () {
      const { next, runs, send, transcript } = yield* start()
      yield* send("first")
      const first = yield* next
      yield* send("waits", 1_000)
      yield* TestClock.adjust(1_000)
      expect(yield* runs.wait("waits", 1_000)).toMatchObject({ ...timedOut, attempt: 0 })
      yield* first.end
      yield* runs.wait("first", 1_000)
      yield* send("after")
      expect((yield* next).turn.text).toBe("after")
      expect((yield* runs.get("first")).state).toBe("done")
      expect(yield* transcript).toContainEqual(["user", "waits", "timeout"])
    }).pipe(Effect.scoped),
  )

  it.effect("A run that ends in time keeps its outcome, and a repeated send does not change its time.", () =>
    Effect.gen(function* () {
      const { next, runs, send } = yield* start()
      yield* send("quick", 1_000)
      const run = yield* next
      expect(yield* send("quick", 1)).toMatchObject({ duplicate: true })
      yield* TestClock.adjust(500)
      yield* run.end
      yield* runs.wait("quick", 1_000)
      yield* TestClock.adjust(10_000)
      expect((yield* runs.get("quick")).state).toBe("done")
    }).pipe(Effect.scoped),
  )

  it.effect("A restart does not give a run more time.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      yield* before.send("long", 1_000)
      yield* before.next
      yield* before.stop
      yield* TestClock.adjust(600)
      const after = yield* start(place)
      yield* after.next
      yield* TestClock.adjust(399)
      expect((yield* after.runs.get("long")).state).toBe("running")
      yield* TestClock.adjust(1)
      expect(yield* after.runs.wait("long", 1_000)).toMatchObject(timedOut)
    }).pipe(Effect.scoped),
  )
})
