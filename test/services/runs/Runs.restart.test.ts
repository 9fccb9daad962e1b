/**
 * What a gateway finds that comes back: after a stop in good order, and with its messages in another order.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Exit from "effect/Exit"
import { TestClock } from "effect/testing"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { layer, principal } from "../../support/Conversations.ts"
import { staged } from "../../support/StagedRuntime.ts"

const folder = Effect.acquireRelease(
  Effect.sync(() => Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-restart-"))),
  (path) => Effect.sync(() => Fs.rmSync(path, { recursive: true })),
)

const start = Effect.fnUntraced(function* (filename: string, attempts = 10) {
  const stage = staged()
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const config = { runtime: "staged", runs: { attempts, concurrent: 10 } }
  const services = yield* Layer.buildWithScope(layer({ filename, config, runtimes: [stage.runtime] }), scope)
  const runs = yield* Effect.provide(Runs, services)
  const sessions = yield* Effect.provide(Sessions, services)
  const send = (text: string, sessionKey = "s") => runs.accept({ text, sessionKey }, principal)
  return { ...stage, runs, sessions, send, stop: Scope.close(scope, Exit.void) }
})

/** As if the gateway had been killed instead of stopped. */
const crash = (filename: string) => database(filename, (db) => db.exec("UPDATE turns SET handed_over = 0"))

const database = <A>(filename: string, use: (db: DatabaseSync) => A): A => {
  const db = new DatabaseSync(filename)
  try {
    return use(db)
  } finally {
    db.close()
  }
}

describe("after a restart", () => {
  it.live("what was cut off begins anew, what waited waits, and the transcript has everything once", () =>
    Effect.gen(function* () {
      const filename = Path.join(yield* folder, "db")
      const before = yield* start(filename)
      const { runId } = yield* before.send("cut off")
      const cut = yield* before.next
      yield* cut.emit({ _tag: "ToolStarted", callId: "1", name: "t", input: "" })
      yield* cut.emit({ _tag: "ToolEnded", callId: "1", output: "first attempt", isError: false })
      yield* cut.say("never told to the end")
      while (before.sessions.find("s")?.messageCount !== 2) yield* Effect.yieldNow
      yield* before.send("waits")
      yield* before.stop

      const after = yield* start(filename)
      expect(after.sessions.find("s")).toMatchObject({ key: "s" })
      const again = yield* after.next
      expect(again.turn).toMatchObject({ text: "cut off", runId, attempt: 2, history: [], principal })
      yield* again.say("told")
      yield* again.end
      const waited = yield* after.next
      expect(waited.turn).toMatchObject({ text: "waits", attempt: 1 })
      expect(waited.turn.history.map(({ text }) => text)).toEqual(["cut off", "told"])
      yield* waited.end
      expect(yield* after.runs.wait(waited.turn.runId, 5_000)).toMatchObject({ state: "done" })
      const { messages } = yield* after.sessions.history("s", { limit: 10 })
      expect(messages.map(({ text }) => text)).toEqual(["cut off", "told", "waits"])
      expect(after.sessions.find("s")).toMatchObject({ messageCount: 3, activity: "idle" })
    }),
  )

  it.live("turns run in the order of their acceptance, although the clock was set back in between", () =>
    Effect.gen(function* () {
      const filename = Path.join(yield* folder, "db")
      const texts = ["1", "2", "3", "4"]
      const before = yield* start(filename)
      for (const text of texts) yield* before.send(text)
      yield* before.next
      yield* before.stop
      database(filename, (db) => {
        db.exec("UPDATE turns SET accepted_at = accepted_at - 1000 * pos")
      })
      const after = yield* start(filename)
      for (const text of texts) {
        const run = yield* after.next
        expect(run.turn.text).toBe(text)
        yield* run.end
      }
    }),
  )

  it.live("a turn that planned stops cut off is begun again, however often that happens", () =>
    Effect.gen(function* () {
      const filename = Path.join(yield* folder, "db")
      for (let attempt = 1; attempt <= 15; attempt++) {
        const gateway = yield* start(filename, 2)
        if (attempt === 1) yield* gateway.send("patient")
        expect((yield* gateway.next).turn.attempt).toBe(attempt)
        yield* gateway.stop
      }
      const last = yield* start(filename, 2)
      const run = yield* last.next
      yield* run.end
      expect(yield* last.runs.wait(run.turn.runId, 5_000)).toMatchObject({ state: "done", attempt: 16 })
    }),
  )

  it.live("a process that is killed during its drain counts no crash for what it was running", () =>
    Effect.gen(function* () {
      const filename = Path.join(yield* folder, "db")
      const before = yield* start(filename)
      yield* before.send("x")
      yield* before.next
      const drained = yield* Effect.forkChild(before.runs.drain, { startImmediately: true })
      const handedOver = () => database(filename, (db) => db.prepare("SELECT handed_over FROM turns").get())
      while (handedOver()?.["handed_over"] !== 1) yield* Effect.sleep("5 millis")
      yield* Fiber.interrupt(drained)
      yield* before.stop
      yield* start(filename)
      const turn = database(filename, (db) => db.prepare("SELECT crashes, handed_over FROM turns").get())
      expect(turn).toMatchObject({ crashes: 0 })
    }),
  )

  it.effect("a turn that crashes cut off begins at once, then after growing pauses, and fails after ten", () =>
    Effect.gen(function* () {
      const filename = Path.join(yield* folder, "db")
      const pauses = [0, 0, 0, 0, 1, 2, 4, 8, 16, 32]
      for (const [crashes, seconds] of pauses.entries()) {
        const gateway = yield* start(filename)
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
        crash(filename)
      }
      const last = yield* start(filename)
      const { runId } = yield* last.send("after")
      const run = yield* last.next
      expect(run.turn).toMatchObject({ text: "after", history: [] })
      yield* run.end
      yield* last.runs.wait(runId, 5_000)
      const { messages } = yield* last.sessions.history("s", { limit: 10 })
      const error = { reason: "interrupted", message: "10 crashes of the gateway have cut the run off" }
      expect(messages).toMatchObject([{ text: "poison", failed: error }, { text: "after" }])
      expect(last.sessions.find("s")).toMatchObject({ messageCount: 2, historyCount: 1 })
    }),
  )

  it.effect("an abort ends a turn that waits for its pause, and the next one begins", () =>
    Effect.gen(function* () {
      const filename = Path.join(yield* folder, "db")
      const before = yield* start(filename)
      const { runId } = yield* before.send("poison")
      yield* before.next
      yield* before.stop
      database(filename, (db) => db.exec("UPDATE turns SET crashes = 8"))
      const after = yield* start(filename)
      yield* after.send("next")
      expect(after.runs.counts()).toMatchObject({ running: 0, waiting: 2 })
      expect(yield* after.runs.abort("s", runId)).toEqual([runId])
      expect((yield* after.next).turn).toMatchObject({ text: "next" })
    }),
  )

  it.live("an abort of what waits for its second attempt holds, and it never begins", () =>
    Effect.gen(function* () {
      const filename = Path.join(yield* folder, "db")
      const before = yield* start(filename)
      const { runId } = yield* before.send("x")
      yield* before.next
      yield* before.stop
      // As if the abort had been written and the gateway killed before the actor heard of it.
      database(filename, (db) => db.exec("UPDATE turns SET state = 'aborted', ended_at = 1"))
      const after = yield* start(filename)
      expect((yield* after.runs.get(runId)).state).toBe("aborted")
      yield* after.send("y")
      expect((yield* after.next).turn.text).toBe("y")
      expect(after.runs.counts()).toMatchObject({ running: 1, waiting: 0 })
    }),
  )
})
