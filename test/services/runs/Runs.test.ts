import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type { KeptEvent } from "../../../src/domain/Event.ts"
import type { RunOutcome } from "../../../src/domain/Run.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { Sqlite } from "../../../src/services/storage/sqlite/Sqlite.ts"
import * as Transcript from "../../../src/services/transcript/Transcript.ts"
import { ask, type ConversationOptions, layer, layerSqlite, principal } from "../../support/Conversations.ts"
import { recordEvents, untilEvent } from "../../support/Published.ts"
import { staged } from "../../support/StagedRuntime.ts"
import { TestDatabase } from "../../support/TestDatabase.ts"

const send = (text: string, sessionKey = "s", idempotencyKey?: string) =>
  Effect.flatMap(Runs, (runs) =>
    runs.accept({ text, sessionKey, ...(idempotencyKey !== undefined && { idempotencyKey }) }, principal),
  )

const transcript = (sessionKey = "s") =>
  Effect.map(
    Effect.flatMap(Sessions, (sessions) => sessions.history(sessionKey, { limit: 200 })),
    ({ messages }) => messages.map(({ role, text }) => `${role}: ${text}`),
  )

const ended = (runId: string) => Effect.flatMap(Runs, (runs) => runs.wait(runId, 10_000))

const stageOf = ({ config, ...options }: ConversationOptions) => {
  const stage = staged()
  return { ...stage, options: { ...options, config: { runtime: "staged", ...config }, runtimes: [stage.runtime] } }
}

const onStage = (given: ConversationOptions = {}) => {
  const { options, ...stage } = stageOf(given)
  return { ...stage, gateway: layer(options) }
}

describe("A wait for a run", () => {
  it.live("At the end of the run, it returns the same as storage has.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      for (const text of ["hello", "/think /tool hello", "/fail hello", "/slow 60000 hello"]) {
        const { runId } = yield* send(text)
        const waiting = yield* Effect.forkChild(runs.wait(runId, 10_000), { startImmediately: true })
        if (text.startsWith("/slow")) yield* runs.abort("s")
        const waited = yield* Fiber.join(waiting)
        const { acceptedAt: _, endedAt, ...stored } = yield* runs.get(runId)
        expect(waited).toEqual({ ...stored, acceptedAt: expect.any(Number), endedAt: expect.any(Number) })
        expect(endedAt).toBeLessThanOrEqual(waited.endedAt!)
      }
    }).pipe(Effect.provide(layer())),
  )
})

describe("The history of a run", () => {
  it.live("A runtime that reads it late sees a newer summary, but no message that came after its own.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const events = yield* Events
      const runs = yield* Runs
      for (const text of ["one", "two"]) yield* runs.inject({ text, sessionKey: "s", role: "user" })
      yield* send("three")
      const run = yield* next
      yield* runs.inject({ text: "four", sessionKey: "s", role: "user" })
      expect(yield* run.past).toEqual(["one", "two"])
      yield* events.commit(Transcript.summarize("s", { text: "one happened", upTo: 1 }, 0))
      expect(yield* run.past).toEqual(["one happened", "two"])
    }).pipe(Effect.provide(gateway))
  })
})

describe("A run", () => {
  it.live("A run replies, and its session has the message, the reply and the usage.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const runs = yield* Runs
      const run = yield* ask("hello there", "s")
      const usage = { inputTokens: 2, outputTokens: 3, contextTokens: 5 }
      expect(run).toMatchObject({ state: "done", reply: "echo: hello there", attempt: 1, agentId: "main", usage })
      expect(yield* transcript()).toEqual(["user: hello there", "assistant: echo: hello there"])
      expect(sessions.find("s")).toMatchObject({
        activity: "idle",
        messageCount: 2,
        lastMessage: "echo: hello there",
        inputTokens: 2,
        outputTokens: 3,
        totalTokens: 5,
        contextTokens: 5,
      })
      expect(runs.counts()).toEqual({ running: 0, waiting: 0, limit: 4 })
    }).pipe(Effect.provide(layer())),
  )

  it.live("A run publishes its events in order.", () =>
    Effect.gen(function* () {
      const published = yield* recordEvents
      yield* ask("/think /tool hi", "s")
      expect(published.map(({ _tag }) => _tag).filter((tag) => tag !== "TextDelta" && tag !== "ThinkingDelta")).toEqual(
        [
          "SessionOpened",
          "RunAccepted",
          "MessageAdded",
          "RunStarted",
          "ToolStarted",
          "ToolUpdated",
          "ToolEnded",
          "MessageAdded",
          "SessionChanged",
          "MessageAdded",
          "RunEnded",
          "SessionChanged",
        ],
      )
      const text = published.flatMap((event) => (event._tag === "TextDelta" ? [event.text] : [])).join("")
      const thinking = published.flatMap((event) => (event._tag === "ThinkingDelta" ? [event.text] : [])).join("")
      const message = published.findLast((event) => event._tag === "MessageAdded")?.message
      expect(message).toMatchObject({ role: "assistant", text, thinking, usage: { outputTokens: 2 } })
      const activities = published.flatMap((event) => ("session" in event ? [event.session.activity] : []))
      expect(activities).toEqual(["running", "running", "idle"])
      expect((yield* transcript())[1]).toBe("tool: hi")
    }).pipe(Effect.provide(layer())),
  )

  it.live("A run of an idle session begins with the acceptance of its message, in one commit.", () => {
    const { gateway, next } = onStage({ config: { runs: { concurrent: 1 } } })
    return Effect.gen(function* () {
      const runs = yield* Runs
      const published = yield* recordEvents
      const first = yield* send("one")
      expect(published.map(({ _tag }) => _tag)).toEqual(["SessionOpened", "RunAccepted", "MessageAdded", "RunStarted"])
      expect(yield* runs.get(first.runId)).toMatchObject({ state: "running", attempt: 1 })
      const run = yield* next
      expect(run.turn).toMatchObject({ text: "one", attempt: 1, principal })
      const second = yield* send("two", "other")
      expect(yield* runs.get(second.runId)).toMatchObject({ state: "queued", attempt: 0 })
      yield* run.end
      expect((yield* next).turn.text).toBe("two")
    }).pipe(Effect.provide(gateway))
  })

  it.live("A runtime receives the history, the principal and the model.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const agents = yield* Agents
      yield* agents.update("main", { model: "agent's" })
      yield* send("one")
      const first = yield* next
      expect(first.turn).toMatchObject({ text: "one", model: "agent's", principal, attempt: 1 })
      expect(yield* first.past).toEqual([])
      yield* first.say("two")
      yield* first.end
      yield* Effect.flatMap(Sessions, (sessions) => sessions.patch("s", { model: "session's" }))
      yield* send("three")
      const second = yield* next
      expect(yield* second.past).toEqual(["one", "two"])
      expect(second.turn.model).toBe("session's")
    }).pipe(Effect.provide(gateway))
  })
})

describe("Turns of a session", () => {
  it.live("Turns run one at a time, in the order of their acceptance.", () =>
    Effect.gen(function* () {
      const published = yield* recordEvents
      const accepted = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => `${n}`),
        (text) => send(text),
        {
          concurrency: "unbounded",
        },
      )
      yield* Effect.forEach(accepted, ({ runId }) => ended(runId), { concurrency: "unbounded" })
      const order = published.flatMap((event) => (event._tag === "RunAccepted" ? [event.runId] : []))
      const steps = published.flatMap((event) =>
        event._tag === "RunStarted" || event._tag === "RunEnded" ? [`${event._tag} ${event.runId}`] : [],
      )
      expect(steps).toEqual(order.flatMap((runId) => [`RunStarted ${runId}`, `RunEnded ${runId}`]))
      expect((yield* transcript()).length).toBe(60)
    }).pipe(Effect.provide(layer())),
  )

  it.live("The commit that ends a turn begins the next one of its session.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      yield* send("one")
      const second = yield* send("two")
      const run = yield* next
      const published = yield* recordEvents
      yield* run.end
      const after = yield* next
      expect(after.turn).toMatchObject({ runId: second.runId, text: "two", attempt: 1 })
      expect(published.map(({ _tag }) => _tag)).toEqual([
        "RunEnded",
        "SessionChanged",
        "MessageAdded",
        "RunStarted",
        "SessionChanged",
      ])
      yield* after.end
      yield* ended(second.runId)
      expect(yield* transcript()).toEqual(["user: one", "user: two"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("A turn waits for its permit like those of other sessions if none is free.", () => {
    const { gateway, next } = onStage({ config: { runs: { concurrent: 1 } } })
    return Effect.gen(function* () {
      yield* send("one", "a")
      yield* send("two", "b")
      yield* send("three", "a")
      for (const text of ["one", "two", "three"]) {
        const run = yield* next
        expect(run.turn.text).toBe(text)
        yield* run.end
      }
    }).pipe(Effect.provide(gateway))
  })

  it.live("A send above waitingPerSession is SessionBusy and leaves nothing behind.", () => {
    const { gateway, next } = onStage({ config: { runs: { waitingPerSession: 2 } } })
    return Effect.gen(function* () {
      yield* send("runs")
      yield* next
      yield* send("waits")
      yield* send("waits")
      const busy = yield* Effect.flip(send("too many", "s", "key"))
      expect(busy).toMatchObject({ _tag: "SessionBusy", sessionKey: "s", waiting: 2 })
      const runs = yield* Runs
      expect(yield* Effect.flip(runs.get("key"))).toMatchObject({ _tag: "RunNotFound" })
      expect(runs.counts()).toEqual({ running: 1, waiting: 2, limit: 4 })
      const { query } = yield* TestDatabase
      expect(yield* query("SELECT count(*) AS n FROM turns")).toMatchObject([{ n: 3 }])
    }).pipe(Effect.provide(gateway))
  })
})

describe("Limits of runs", () => {
  it.live("A run of another session waits until a permit is free.", () => {
    const { gateway, next, runs: started } = onStage({ config: { runs: { concurrent: 2 } } })
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* send("1", "a")
      yield* send("2", "b")
      const [first] = [yield* next, yield* next]
      const waiting = yield* send("3", "c")
      expect(runs.counts()).toEqual({ running: 2, waiting: 1, limit: 2 })
      expect((yield* runs.get(waiting.runId)).state).toBe("queued")
      expect(started.length).toBe(2)
      yield* first!.end
      expect((yield* next).turn.text).toBe("3")
    }).pipe(Effect.provide(gateway))
  })

  it.effect("A run that exceeds deadlineMs fails, and its runtime is interrupted.", () => {
    const { gateway, next } = onStage({ config: { runs: { deadlineMs: 20 } } })
    return Effect.gen(function* () {
      const { runId } = yield* send("slow")
      const run = yield* next
      yield* TestClock.adjust(20)
      yield* Deferred.await(run.interrupted)
      const message = "The run took longer than 20 ms, the limit of the option runs.deadlineMs."
      expect((yield* ended(runId)).error).toEqual({ reason: "budget", message })
    }).pipe(Effect.provide(gateway))
  })
})

describe("Runs.abort", () => {
  it.live("An abort stops the run at once and keeps its output.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const published = yield* recordEvents
      const { runId } = yield* send("go")
      const run = yield* next
      yield* run.emit({ _tag: "Usage", usage: { inputTokens: 7, outputTokens: 1 } })
      yield* run.say("half a")
      yield* untilEvent(() => published.some(({ _tag }) => _tag === "TextDelta"))
      expect(yield* runs.abort("s")).toEqual([runId])
      yield* Deferred.await(run.interrupted)
      expect(yield* ended(runId)).toMatchObject({ state: "aborted", usage: { inputTokens: 7, outputTokens: 1 } })
      const { messages } = yield* Effect.flatMap(Sessions, (sessions) => sessions.history("s", { limit: 10 }))
      expect(messages.at(-1)).toMatchObject({ role: "assistant", text: "half a", aborted: true, runId })
      expect(yield* Effect.map(Sessions, (sessions) => sessions.find("s"))).toMatchObject({
        activity: "idle",
        inputTokens: 7,
        messageCount: 2,
      })
      yield* send("next")
      expect((yield* next).turn.text).toBe("next")
    }).pipe(Effect.provide(gateway))
  })

  it.live("An abort ends one or all waiting turns: none starts, and the user's messages stay.", () => {
    const { gateway, next, runs: started } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const [first, second, third] = yield* Effect.forEach(["1", "2", "3"], (text) => send(text))
      yield* next
      expect(yield* runs.abort("s", second!.runId)).toEqual([second!.runId])
      expect(yield* runs.abort("s", second!.runId)).toEqual([])
      expect((yield* ended(second!.runId)).state).toBe("aborted")
      expect(yield* runs.abort("s")).toEqual([first!.runId, third!.runId])
      expect(yield* runs.abort("s")).toEqual([])
      yield* send("4")
      yield* next
      expect(started.map(({ turn }) => turn.text)).toEqual(["1", "4"])
      const { messages } = yield* Effect.flatMap(Sessions, (sessions) => sessions.history("s", { limit: 10 }))
      const said = messages.map(({ aborted, text }) => `${text}${aborted === true ? " aborted" : ""}`)
      expect(said).toEqual(["1", "2 aborted", "3 aborted", "4"])
      expect(yield* started[1]!.past).toEqual(["1"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("An abort right after the acceptance always prevents the run.", () => {
    const { gateway, runs: started } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      for (let n = 0; n < 50; n++) {
        const { runId } = yield* send("never", `s${n}`)
        expect(yield* runs.abort(`s${n}`, runId)).toEqual([runId])
        expect((yield* ended(runId)).state).toBe("aborted")
      }
      // A run that was about to begin gives its permit back when it learns that it has ended. No event reports that.
      while (runs.counts().running > 0) yield* Effect.yieldNow
      expect(started.filter(({ interrupted }) => !Deferred.isDoneUnsafe(interrupted))).toEqual([])
      expect(runs.counts()).toMatchObject({ running: 0, waiting: 0 })
    }).pipe(Effect.provide(gateway))
  })

  it.live("Simultaneous aborts and ends publish one RunEnded per run.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const published = yield* recordEvents
      const outcomes: Array<RunOutcome> = []
      for (let n = 0; n < 40; n++) {
        const { runId } = yield* send("a b c d e f", `s${n % 4}`)
        for (let turns = 0; turns < n % 8; turns++) yield* Effect.yieldNow
        yield* Effect.all([runs.abort(`s${n % 4}`), runs.abort(`s${n % 4}`, runId)], { concurrency: 2 })
        const { state } = yield* ended(runId)
        outcomes.push(state === "aborted" ? "aborted" : "done")
      }
      const ends = published.filter(
        (event): event is Extract<KeptEvent, { _tag: "RunEnded" }> => event._tag === "RunEnded",
      )
      expect(ends.map(({ outcome }) => outcome)).toEqual(outcomes)
      const open = new Set<string>()
      for (const event of published) {
        if (event._tag === "RunStarted") open.add(event.runId)
        if (event._tag === "RunEnded") open.delete(event.runId)
        if (event._tag === "MessageAdded") expect(event.message.text).not.toBe("")
      }
      expect(open.size).toBe(0)
    }).pipe(Effect.provide(layer())),
  )
})

describe("Idempotency keys", () => {
  it.live("A repeated send starts no second run: at once, during the run, and after its end.", () => {
    const { gateway, next, runs: started } = onStage()
    return Effect.gen(function* () {
      const both = yield* Effect.all([send("x", "s", "key"), send("x", "s", "key")], { concurrency: 2 })
      expect(both.map(({ duplicate }) => duplicate).toSorted()).toEqual([false, true])
      expect(both[0].position).toEqual(both[1].position)
      const run = yield* next
      expect(yield* send("x", "s", "key")).toMatchObject({ duplicate: true, runId: "key" })
      yield* run.say("y")
      yield* run.end
      yield* ended("key")
      expect(yield* send("x", "s", "key")).toMatchObject({ duplicate: true, runId: "key", sessionKey: "s" })
      expect(started.length).toBe(1)
      expect(yield* transcript()).toEqual(["user: x", "assistant: y"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("A key with another text is a conflict: while the turn waits, during the run, and after its end.", () => {
    const { gateway, next } = onStage()
    const conflict = { _tag: "IdempotencyConflict", idempotencyKey: "key", sessionKey: "s" }
    return Effect.gen(function* () {
      yield* send("x", "s", "before")
      yield* send("x", "s", "key")
      expect(yield* Effect.flip(send("y", "s", "key"))).toMatchObject(conflict)
      yield* Effect.flatMap(next, ({ end }) => end)
      const run = yield* next
      expect(yield* Effect.flip(send("y", "s", "key"))).toMatchObject(conflict)
      yield* run.fail("for all the same")
      yield* ended("key")
      expect(yield* Effect.flip(send("y", "s", "key"))).toMatchObject(conflict)
      expect(yield* send("x", "s", "key")).toMatchObject({ duplicate: true })
    }).pipe(Effect.provide(gateway))
  })

  it.live("A key in another session is a conflict.", () =>
    Effect.gen(function* () {
      yield* send("x", "s", "key")
      const conflict = yield* Effect.flip(send("x", "other", "key"))
      expect(conflict).toMatchObject({ _tag: "IdempotencyConflict", idempotencyKey: "key", sessionKey: "s" })
      expect(yield* Effect.map(Sessions, (sessions) => sessions.find("other"))).toBeUndefined()
    }).pipe(Effect.provide(layer())),
  )
})

describe("A failed run", () => {
  it.live("The user's message stays with the reason, and later runs do not see it.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* send("before")
      const before = yield* next
      yield* before.say("fine")
      yield* before.end
      yield* ended(before.turn.runId)
      const published = yield* recordEvents
      const { runId } = yield* send("doomed")
      const run = yield* next
      yield* run.emit({ _tag: "ToolStarted", callId: "1", name: "t", input: "" })
      yield* run.emit({ _tag: "ToolEnded", callId: "1", output: "o", isError: false })
      yield* run.emit({ _tag: "Usage", usage: { inputTokens: 3, outputTokens: 2 } })
      yield* run.say("lost")
      yield* run.fail("the model is overloaded")
      const error = { reason: "runtime", message: "the model is overloaded" }
      const usage = { inputTokens: 3, outputTokens: 2 }
      expect(yield* ended(runId)).toMatchObject({ state: "failed", error, usage })
      expect(yield* transcript()).toEqual(["user: before", "assistant: fine", "user: doomed"])
      const { messages } = yield* sessions.history("s", { limit: 1 })
      expect(messages).toMatchObject([{ text: "doomed", runId, failed: error }])
      const counts = { messageCount: 3, historyCount: 2 }
      expect(sessions.find("s")).toMatchObject({ ...counts, lastMessage: "doomed", totalTokens: 5 })
      const byTools = published.flatMap((event) =>
        event._tag === "MessageAdded" && event.message.role === "tool" ? [event.message.id] : [],
      )
      expect(published.find(({ _tag }) => _tag === "MessagesRemoved")).toMatchObject({
        ids: byTools,
        reason: "run-failed",
      })
      expect(published.find(({ _tag }) => _tag === "RunEnded")).toMatchObject({ outcome: "failed", error })
      yield* send("doomed")
      const again = yield* next
      expect(again.turn).toMatchObject({ text: "doomed" })
      expect(yield* again.past).toEqual(["before", "fine"])
      yield* again.end
      yield* send("after")
      expect(yield* (yield* next).past).toEqual(["before", "fine", "doomed"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("A defect fails only its own run, and clients do not see its details.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const { runId } = yield* send("x")
      yield* (yield* next).die(new Error("password is hunter2"))
      const run = yield* ended(runId)
      expect(run).toMatchObject({ state: "failed", error: { reason: "bug" } })
      expect(JSON.stringify(run)).not.toContain("hunter2")
      yield* send("y")
      const after = yield* next
      yield* after.end
      expect((yield* Effect.flatMap(Runs, (runs) => runs.wait(after.turn.runId, 5_000))).state).toBe("done")
    }).pipe(Effect.provide(gateway))
  })

  it.live("A run ends if its runtime throws, interrupts itself or does not exist.", () =>
    Effect.gen(function* () {
      const agents = yield* Agents
      const runs = yield* Runs
      for (const name of ["throws", "quits", "missing"]) yield* agents.create({ id: name, name, runtime: name })
      const errorOf = Effect.fnUntraced(function* (agentId: string) {
        const { runId } = yield* runs.accept({ text: "x", agentId }, principal)
        return (yield* ended(runId)).error
      })
      expect(yield* errorOf("throws")).toMatchObject({ reason: "bug" })
      expect(yield* errorOf("quits")).toMatchObject({ reason: "runtime" })
      const message = `Unknown runtime "missing". Set the agent's runtime to: echo, throws, quits.`
      expect(yield* errorOf("missing")).toEqual({ reason: "runtime", message })
      const { runId } = yield* runs.accept({ text: "x", agentId: "main" }, principal)
      expect((yield* ended(runId)).state).toBe("done")
    }).pipe(
      Effect.provide(
        layer({
          runtimes: [
            {
              name: "throws",
              models: [],
              run: () => {
                throw new Error("at once")
              },
            },
            { name: "quits", models: [], run: () => Stream.fromEffect(Effect.interrupt) },
          ],
        }),
      ),
    ),
  )

  it.live("A run whose agent was removed fails with its name.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const agents = yield* Agents
      const runs = yield* Runs
      yield* agents.create({ id: "luna", name: "Luna" })
      yield* runs.accept({ text: "1", agentId: "luna", sessionKey: "s" }, principal)
      const first = yield* next
      const { runId } = yield* runs.accept({ text: "2", agentId: "luna", sessionKey: "s" }, principal)
      yield* agents.remove("luna")
      yield* first.end
      expect((yield* ended(runId)).error).toMatchObject({
        message: 'Unknown agent "luna". It was removed after the message was accepted.',
      })
      const refused = yield* Effect.flip(runs.accept({ text: "3", agentId: "luna" }, principal))
      expect(refused).toMatchObject({ _tag: "AgentNotFound", agentId: "luna" })
    }).pipe(Effect.provide(gateway))
  })
})

describe("A full disk", () => {
  /** Forbids SQLite to add pages. */
  const full = Effect.map(Sqlite, ({ db }) => {
    const pages = Number(db.prepare("PRAGMA page_count").get()?.["page_count"])
    db.exec(`PRAGMA max_page_count = ${pages}`)
  })
  const emptied = Effect.map(Sqlite, ({ db }) => db.exec("PRAGMA max_page_count = 1000000"))

  it.live("A send on a full disk is StorageUnavailable and leaves nothing behind.", () =>
    Effect.gen(function* () {
      yield* ask("before", "s")
      yield* full
      const refused = yield* Effect.flip(send("x".repeat(200_000), "s", "key"))
      expect(refused._tag).toBe("StorageUnavailable")
      yield* emptied
      const runs = yield* Runs
      expect(yield* Effect.flip(runs.get("key"))).toMatchObject({ _tag: "RunNotFound" })
      expect(yield* send("x", "s", "key")).toMatchObject({ duplicate: false })
      expect((yield* ended("key")).state).toBe("done")
    }).pipe(Effect.provide(layerSqlite())),
  )

  it.live("The end of a run waits for room on the disk and loses nothing.", () => {
    const waits = Deferred.makeUnsafe<void>()
    const onLog = (message: string) => {
      if (message.includes("waits for storage")) Deferred.doneUnsafe(waits, Effect.void)
    }
    const { next, options } = stageOf({ onLog })
    return Effect.gen(function* () {
      const { runId } = yield* send("x")
      const run = yield* next
      yield* full
      const reply = "y".repeat(200_000)
      yield* run.say(reply)
      yield* run.end
      const runs = yield* Runs
      yield* Deferred.await(waits)
      expect((yield* runs.get(runId)).state).toBe("running")
      yield* emptied
      expect(yield* ended(runId)).toMatchObject({ state: "done", reply, attempt: 1 })
    }).pipe(Effect.provide(layerSqlite(options)))
  })
})

describe("Runs.drain", () => {
  it.live("A drain refuses sends, lets running turns end, and leaves waiting turns for the next start.", () => {
    const { gateway, next, runs: started } = onStage({ config: { runs: { concurrent: 1 } } })
    return Effect.gen(function* () {
      const runs = yield* Runs
      const first = yield* send("runs", "a")
      const run = yield* next
      const second = yield* send("waits", "b")
      const drained = yield* Effect.forkChild(runs.drain, { startImmediately: true })
      expect(yield* Effect.flip(send("late", "c"))).toMatchObject({ _tag: "ShuttingDown" })
      yield* run.end
      yield* Fiber.join(drained)
      expect((yield* runs.get(first.runId)).state).toBe("done")
      expect((yield* runs.get(second.runId)).state).toBe("queued")
      expect(started.length).toBe(1)
    }).pipe(Effect.provide(gateway))
  })
})

describe("Runs.inject", () => {
  it.live("An injected message joins the transcript without a run, once for each key.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const published = yield* recordEvents
      const note = { sessionKey: "s", text: "note", role: "system", idempotencyKey: "k" } as const
      const first = yield* runs.inject(note)
      expect(first).toMatchObject({ role: "system", text: "note", runId: null, sessionKey: "s" })
      expect(yield* runs.inject(note)).toEqual(first)
      yield* runs.inject({ sessionKey: "s", text: "again", role: "assistant" })
      yield* runs.inject({ sessionKey: "s", text: "again", role: "assistant" })
      expect(yield* transcript()).toEqual(["system: note", "assistant: again", "assistant: again"])
      const conflict = yield* Effect.flip(runs.inject({ ...note, sessionKey: "other" }))
      expect(conflict).toMatchObject({ _tag: "IdempotencyConflict", sessionKey: "s" })
      expect(yield* Effect.flip(runs.inject({ ...note, text: "other" }))).toEqual(conflict)
      expect(published.map(({ _tag }) => _tag)).toEqual([
        "SessionOpened",
        "MessageAdded",
        "MessageAdded",
        "SessionChanged",
        "MessageAdded",
        "SessionChanged",
      ])
      const half = { ...note, idempotencyKey: "half", text: "\ud83d" }
      expect((yield* runs.inject(half)).id).toBe((yield* runs.inject(half)).id)
    }).pipe(Effect.provide(layer())),
  )
})
