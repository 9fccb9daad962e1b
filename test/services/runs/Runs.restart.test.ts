/** The turns of a gateway that restarts after a stop or a crash. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { TestClock } from "effect/testing"
import { Events } from "../../../src/services/events/Events.ts"
import { OpenRuns } from "../../../src/services/runs/OpenRuns.ts"
import { principal } from "../../support/Conversations.ts"
import { untilEvent } from "../../support/Published.ts"
import * as StoppableConversations from "../../support/StoppableConversations.ts"
import { crash } from "../../support/StoppableConversations.ts"
import { newPlace, queryAt } from "../../support/TestDatabase.ts"

const start = Effect.fnUntraced(function* (place: string, attempts = 10, concurrent = 10) {
  const { services, ...started } = yield* StoppableConversations.start({ place, runs: { attempts, concurrent } })
  const events = yield* Effect.provide(Events, services)
  const open = yield* Effect.provide(OpenRuns, services)
  const send = (text: string, sessionKey = "s") => started.runs.accept({ text, sessionKey }, principal)
  return { ...started, events, open, send }
})

describe("Runs after a restart", () => {
  it.live("An interrupted turn starts again, a waiting one waits, and the transcript has every message once.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      const { runId } = yield* before.send("cut off")
      const cut = yield* before.next
      yield* cut.emit({ _tag: "ToolStarted", callId: "1", name: "t", input: "" })
      yield* cut.emit({ _tag: "ToolEnded", callId: "1", output: "first attempt", isError: false })
      yield* cut.say("an unfinished reply")
      const hasBoth = () => before.sessions.find("s")?.messageCount === 2
      yield* Effect.provideService(untilEvent(hasBoth), Events, before.events)
      yield* before.send("waits")
      yield* before.stop

      const after = yield* start(place)
      expect(after.sessions.find("s")).toMatchObject({ key: "s" })
      const again = yield* after.next
      expect(again.turn).toMatchObject({ text: "cut off", runId, attempt: 2, principal })
      expect(yield* again.past).toEqual([])
      yield* again.say("reply")
      yield* again.end
      const waited = yield* after.next
      expect(waited.turn).toMatchObject({ text: "waits", attempt: 1 })
      expect(yield* waited.past).toEqual(["cut off", "reply"])
      yield* waited.end
      expect(yield* after.runs.wait(waited.turn.runId, 5_000)).toMatchObject({ state: "done" })
      const { messages } = yield* after.sessions.history("s", { limit: 10 })
      expect(messages.map(({ text }) => text)).toEqual(["cut off", "reply", "waits"])
      expect(after.sessions.find("s")).toMatchObject({ messageCount: 3, activity: "idle" })
    }),
  )

  it.live("An interrupted turn waits until it begins again, and its session says so.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      for (const key of ["one", "two"]) {
        yield* before.send("cut off", key)
        yield* before.next
      }
      expect(before.sessions.find("two")).toMatchObject({ activity: "running" })
      yield* before.stop
      yield* crash(place)

      const after = yield* start(place, 10, 1)
      const first = yield* after.next
      expect(first.turn).toMatchObject({ sessionKey: "one" })
      const states = () => [after.sessions.find("two")?.activity, after.open.list("two")[0]?.state]
      expect(states()).toEqual(["queued", "queued"])
      yield* first.end
      const second = yield* after.next
      expect(second.turn).toMatchObject({ sessionKey: "two", attempt: 2 })
      expect(states()).toEqual(["running", "running"])
      yield* second.end
    }),
  )

  it.live("Turns run in the order of their acceptance even if the clock was set back.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const texts = ["1", "2", "3", "4"]
      const before = yield* start(place)
      for (const text of texts) yield* before.send(text)
      yield* before.next
      yield* before.stop
      yield* queryAt(place, "UPDATE turns SET accepted_at = accepted_at - 1000 * pos")
      const after = yield* start(place)
      for (const text of texts) {
        const run = yield* after.next
        expect(run.turn.text).toBe(text)
        yield* run.end
      }
    }),
  )

  it.live("A turn that planned stops interrupt starts again any number of times.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      for (let attempt = 1; attempt <= 15; attempt++) {
        const gateway = yield* start(place, 2)
        if (attempt === 1) yield* gateway.send("patient")
        expect((yield* gateway.next).turn.attempt).toBe(attempt)
        yield* gateway.stop
      }
      const last = yield* start(place, 2)
      const run = yield* last.next
      yield* run.end
      expect(yield* last.runs.wait(run.turn.runId, 5_000)).toMatchObject({ state: "done", attempt: 16 })
    }),
  )

  it.live("A process that is killed during its drain counts no crash.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      yield* before.send("x")
      yield* before.next
      const drained = yield* Effect.forkChild(before.runs.drain, { startImmediately: true })
      // Commits are ordered, so this one waits for the mark of the drain.
      yield* before.events.commit(Effect.succeed([undefined, []]))
      expect(yield* queryAt(place, "SELECT handed_over FROM turns")).toMatchObject([{ handed_over: 1 }])
      yield* Fiber.interrupt(drained)
      yield* before.stop
      yield* start(place)
      expect(yield* queryAt(place, "SELECT crashes FROM turns")).toMatchObject([{ crashes: 0 }])
    }),
  )

  it.effect(
    "A turn that crashes interrupt starts at once, then after growing pauses, and fails after ten crashes.",
    () =>
      Effect.gen(function* () {
        const place = yield* newPlace
        const pauses = [0, 0, 0, 0, 1, 2, 4, 8, 16, 32]
        for (const [crashes, seconds] of pauses.entries()) {
          const gateway = yield* start(place)
          if (crashes === 0) yield* gateway.send("poison")
          if (seconds > 0) {
            expect(yield* gateway.send("other", `s${crashes}`)).toMatchObject({ duplicate: false })
            const other = yield* gateway.next
            expect(other.turn.text).toBe("other")
            yield* other.end
            yield* gateway.runs.wait(other.turn.runId, 5_000)
            yield* TestClock.adjust(seconds * 1_000 - 1)
            expect(gateway.runs.counts()).toMatchObject({ running: 0, waiting: 1 })
            yield* TestClock.adjust(1)
          }
          const { turn } = yield* gateway.next
          expect(turn).toMatchObject({ text: "poison", attempt: crashes + 1 })
          yield* gateway.stop
          yield* crash(place)
        }
        const last = yield* start(place)
        const { runId } = yield* last.send("after")
        const run = yield* last.next
        expect(run.turn.text).toBe("after")
        expect(yield* run.past).toEqual([])
        yield* run.end
        yield* last.runs.wait(runId, 5_000)
        const { messages } = yield* last.sessions.history("s", { limit: 10 })
        const error = { reason: "interrupted", message: "The gateway crashed 10 times during this run." }
        expect(messages).toMatchObject([{ text: "poison", failed: error }, { text: "after" }])
        expect(last.sessions.find("s")).toMatchObject({ messageCount: 2, historyCount: 1 })
      }),
  )

  it.effect("An abort ends a turn in its pause, and the next turn starts.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      const { runId } = yield* before.send("poison")
      yield* before.next
      yield* before.stop
      yield* queryAt(place, "UPDATE turns SET crashes = 8")
      const after = yield* start(place)
      yield* after.send("next")
      expect(after.runs.counts()).toMatchObject({ running: 0, waiting: 2 })
      expect(yield* after.runs.abort("s", runId)).toEqual([runId])
      expect((yield* after.next).turn).toMatchObject({ text: "next" })
    }),
  )

  it.live("A turn that was aborted before a crash does not start again.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      const { runId } = yield* before.send("x")
      yield* before.next
      yield* before.stop
      // The abort was committed, and the gateway crashed before the actor stopped the run.
      yield* queryAt(place, "UPDATE turns SET state = 'aborted', ended_at = 1")
      const after = yield* start(place)
      expect((yield* after.runs.get(runId)).state).toBe("aborted")
      yield* after.send("y")
      expect((yield* after.next).turn.text).toBe("y")
      expect(after.runs.counts()).toMatchObject({ running: 1, waiting: 0 })
    }),
  )
})
