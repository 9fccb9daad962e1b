import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import type { KeptEvent, Positioned } from "../../../src/domain/Event.ts"
import type { RunOutcome } from "../../../src/domain/Run.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { Sqlite } from "../../../src/services/storage/Sqlite.ts"
import { ask, type ConversationOptions, layer, principal } from "../../support/Conversations.ts"
import { staged } from "../../support/StagedRuntime.ts"

const send = (text: string, sessionKey = "s", idempotencyKey?: string) =>
  Effect.flatMap(Runs, (runs) =>
    runs.accept({ text, sessionKey, ...(idempotencyKey !== undefined && { idempotencyKey }) }, principal),
  )

const transcript = (sessionKey = "s") =>
  Effect.map(
    Effect.flatMap(Sessions, (sessions) => sessions.history(sessionKey, { limit: 200 })),
    ({ messages }) => messages.map(({ role, text }) => `${role}: ${text}`),
  )

/** All events from now on, as they become live. */
const recorded = Effect.gen(function* () {
  const events = yield* Events
  const told: Array<Positioned["event"]> = []
  yield* events.onEvent(({ event }) => told.push(event))
  return told
})

const ended = (runId: string) => Effect.flatMap(Runs, (runs) => runs.wait(runId, 10_000))

const onStage = (options: ConversationOptions = {}) => {
  const stage = staged()
  const config = { runtime: "staged", ...options.config }
  return { ...stage, gateway: layer({ ...options, config, runtimes: [stage.runtime] }) }
}

describe("a run", () => {
  it.live("answers; its session holds the question, the reply and what it cost", () =>
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

  it.live("tells everything that happens in it, in order", () =>
    Effect.gen(function* () {
      const told = yield* recorded
      yield* ask("/think /tool hi", "s")
      expect(told.map(({ _tag }) => _tag).filter((tag) => tag !== "TextDelta" && tag !== "ThinkingDelta")).toEqual([
        "SessionOpened",
        "RunAccepted",
        "MessageAdded",
        "RunStarted",
        "SessionChanged",
        "ToolStarted",
        "ToolUpdated",
        "ToolEnded",
        "MessageAdded",
        "SessionChanged",
        "MessageAdded",
        "RunEnded",
        "SessionChanged",
      ])
      const text = told.flatMap((event) => (event._tag === "TextDelta" ? [event.text] : [])).join("")
      const thinking = told.flatMap((event) => (event._tag === "ThinkingDelta" ? [event.text] : [])).join("")
      const message = told.findLast((event) => event._tag === "MessageAdded")?.message
      expect(message).toMatchObject({ role: "assistant", text, thinking, usage: { outputTokens: 2 } })
      const activities = told.flatMap((event) => ("session" in event ? [event.session.activity] : []))
      expect(activities).toEqual(["queued", "running", "running", "idle"])
      expect((yield* transcript())[1]).toBe("tool: hi")
    }).pipe(Effect.provide(layer())),
  )

  it.live("is told the conversation before it, who asks, and which model to use", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const agents = yield* Agents
      yield* agents.update("main", { model: "agent's" })
      yield* send("one")
      const first = yield* next
      expect(first.turn).toMatchObject({ text: "one", history: [], model: "agent's", principal, attempt: 1 })
      yield* first.say("two")
      yield* first.end
      yield* Effect.flatMap(Sessions, (sessions) => sessions.patch("s", { model: "session's" }))
      yield* send("three")
      const second = yield* next
      expect(second.turn.history.map(({ text }) => text)).toEqual(["one", "two"])
      expect(second.turn.model).toBe("session's")
    }).pipe(Effect.provide(gateway))
  })
})

describe("the turns of a session", () => {
  it.live("run one at a time, in the order of their acceptance", () =>
    Effect.gen(function* () {
      const told = yield* recorded
      const accepted = yield* Effect.forEach(
        Array.from({ length: 30 }, (_, n) => `${n}`),
        (text) => send(text),
        {
          concurrency: "unbounded",
        },
      )
      yield* Effect.forEach(accepted, ({ runId }) => ended(runId), { concurrency: "unbounded" })
      const order = told.flatMap((event) => (event._tag === "RunAccepted" ? [event.runId] : []))
      const steps = told.flatMap((event) =>
        event._tag === "RunStarted" || event._tag === "RunEnded" ? [`${event._tag} ${event.runId}`] : [],
      )
      expect(steps).toEqual(order.flatMap((runId) => [`RunStarted ${runId}`, `RunEnded ${runId}`]))
      expect((yield* transcript()).length).toBe(60)
    }).pipe(Effect.provide(layer())),
  )

  it.live("are refused when too many wait, and nothing of the refused one is left", () => {
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
      const { db } = yield* Sqlite
      expect(db.prepare("SELECT count(*) AS n FROM turns").get()).toMatchObject({ n: 3 })
    }).pipe(Effect.provide(gateway))
  })
})

describe("the limits", () => {
  it.live("hold runs of other sessions back until there is a place", () => {
    const { gateway, next, runs: begun } = onStage({ config: { runs: { concurrent: 2 } } })
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* send("1", "a")
      yield* send("2", "b")
      const [first] = [yield* next, yield* next]
      const waiting = yield* send("3", "c")
      expect(runs.counts()).toEqual({ running: 2, waiting: 1, limit: 2 })
      expect((yield* runs.wait(waiting.runId, 50)).state).toBe("queued")
      expect(begun.length).toBe(2)
      yield* first!.end
      expect((yield* next).turn.text).toBe("3")
    }).pipe(Effect.provide(gateway))
  })

  it.live("end a run that takes too long", () => {
    const { gateway, next } = onStage({ config: { runs: { deadlineMs: 20 } } })
    return Effect.gen(function* () {
      const { runId } = yield* send("slow")
      const run = yield* next
      yield* Deferred.await(run.interrupted)
      expect((yield* ended(runId)).error).toEqual({ reason: "runtime", message: "Took longer than 20 ms." })
    }).pipe(Effect.provide(gateway))
  })
})

describe("an abort", () => {
  it.live("stops what runs at once and keeps what was said", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const told = yield* recorded
      const { runId } = yield* send("go")
      const run = yield* next
      yield* run.emit({ _tag: "Usage", usage: { inputTokens: 7, outputTokens: 1 } })
      yield* run.say("half a")
      while (!told.some(({ _tag }) => _tag === "TextDelta")) yield* Effect.yieldNow
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

  it.live("ends what waits, the named one or all of them: none begins, and what the user said stays", () => {
    const { gateway, next, runs: begun } = onStage()
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
      expect(begun.map(({ turn }) => turn.text)).toEqual(["1", "4"])
      const { messages } = yield* Effect.flatMap(Sessions, (sessions) => sessions.history("s", { limit: 10 }))
      const said = messages.map(({ aborted, text }) => `${text}${aborted === true ? " aborted" : ""}`)
      expect(said).toEqual(["1", "2 aborted", "3 aborted", "4"])
      expect(begun[1]?.turn.history.map(({ text }) => text)).toEqual(["1"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("catches a send that has not begun, every time", () => {
    const { gateway, runs: begun } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      for (let n = 0; n < 50; n++) {
        const { runId } = yield* send("never", `s${n}`)
        expect(yield* runs.abort(`s${n}`, runId)).toEqual([runId])
        expect((yield* ended(runId)).state).toBe("aborted")
      }
      expect(begun.filter(({ interrupted }) => !Deferred.isDoneUnsafe(interrupted))).toEqual([])
      expect(runs.counts()).toMatchObject({ running: 0, waiting: 0 })
    }).pipe(Effect.provide(gateway))
  })

  it.live("tells of each run's end once, however many ask for it and whenever the run ends by itself", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const told = yield* recorded
      const outcomes: Array<RunOutcome> = []
      for (let n = 0; n < 40; n++) {
        const { runId } = yield* send("a b c d e f", `s${n % 4}`)
        for (let turns = 0; turns < n % 8; turns++) yield* Effect.yieldNow
        yield* Effect.all([runs.abort(`s${n % 4}`), runs.abort(`s${n % 4}`, runId)], { concurrency: 2 })
        const { state } = yield* ended(runId)
        outcomes.push(state === "aborted" ? "aborted" : "done")
      }
      const ends = told.filter((event): event is Extract<KeptEvent, { _tag: "RunEnded" }> => event._tag === "RunEnded")
      expect(ends.map(({ outcome }) => outcome)).toEqual(outcomes)
      const open = new Set<string>()
      for (const event of told) {
        if (event._tag === "RunStarted") open.add(event.runId)
        if (event._tag === "RunEnded") open.delete(event.runId)
        if (event._tag === "MessageAdded") expect(event.message.text).not.toBe("")
      }
      expect(open.size).toBe(0)
    }).pipe(Effect.provide(layer())),
  )
})

describe("a key", () => {
  it.live("makes a send safe to repeat: at once, while it runs, and after its end", () => {
    const { gateway, next, runs: begun } = onStage()
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
      expect(begun.length).toBe(1)
      expect(yield* transcript()).toEqual(["user: x", "assistant: y"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("belongs to one text: while the turn waits, while it runs, and after its end", () => {
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

  it.live("belongs to one session", () =>
    Effect.gen(function* () {
      yield* send("x", "s", "key")
      const conflict = yield* Effect.flip(send("x", "other", "key"))
      expect(conflict).toMatchObject({ _tag: "IdempotencyConflict", idempotencyKey: "key", sessionKey: "s" })
      expect(yield* Effect.map(Sessions, (sessions) => sessions.find("other"))).toBeUndefined()
    }).pipe(Effect.provide(layer())),
  )
})

describe("a run that fails", () => {
  it.live("keeps what the user said, marked with the reason, and no agent is told it again", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* send("before")
      const before = yield* next
      yield* before.say("fine")
      yield* before.end
      yield* ended(before.turn.runId)
      const told = yield* recorded
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
      const byTools = told.flatMap((event) =>
        event._tag === "MessageAdded" && event.message.role === "tool" ? [event.message.id] : [],
      )
      expect(told.find(({ _tag }) => _tag === "MessagesRemoved")).toMatchObject({ ids: byTools, reason: "run-failed" })
      expect(told.find(({ _tag }) => _tag === "RunEnded")).toMatchObject({ outcome: "failed", error })
      yield* send("doomed")
      const again = yield* next
      expect(again.turn).toMatchObject({ text: "doomed" })
      expect(again.turn.history.map(({ text }) => text)).toEqual(["before", "fine"])
      yield* again.end
      yield* send("after")
      expect((yield* next).turn.history.map(({ text }) => text)).toEqual(["before", "fine", "doomed"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("by a bug costs itself only, and does not say what the bug knew", () => {
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

  it.live("because its runtime throws before it begins, or stops by itself, has an end all the same", () =>
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
      expect(yield* errorOf("missing")).toEqual({ reason: "runtime", message: 'There is no runtime "missing".' })
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

  it.live("because its agent was removed says so", () => {
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
      expect((yield* ended(runId)).error).toMatchObject({ message: 'There is no agent "luna".' })
      const refused = yield* Effect.flip(runs.accept({ text: "3", agentId: "luna" }, principal))
      expect(refused).toMatchObject({ _tag: "AgentNotFound", agentId: "luna" })
    }).pipe(Effect.provide(gateway))
  })
})

describe("a disk that is full", () => {
  /** No page more than there are. */
  const full = Effect.map(Sqlite, ({ db }) => {
    const pages = Number(db.prepare("PRAGMA page_count").get()?.["page_count"])
    db.exec(`PRAGMA max_page_count = ${pages}`)
  })
  const emptied = Effect.map(Sqlite, ({ db }) => db.exec("PRAGMA max_page_count = 1000000"))

  it.live("refuses a send, and nothing of it is left", () =>
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
    }).pipe(Effect.provide(layer())),
  )

  it.live("holds the end of a run back until there is room, and loses nothing of it", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const { runId } = yield* send("x")
      const run = yield* next
      yield* full
      const reply = "y".repeat(200_000)
      yield* run.say(reply)
      yield* run.end
      const runs = yield* Runs
      expect((yield* runs.wait(runId, 150)).state).toBe("running")
      yield* emptied
      expect(yield* ended(runId)).toMatchObject({ state: "done", reply, attempt: 1 })
    }).pipe(Effect.provide(gateway))
  })
})

describe("the drain", () => {
  it.live("takes no new sends, lets what runs end, and leaves what waits for the next start", () => {
    const { gateway, next, runs: begun } = onStage({ config: { runs: { concurrent: 1 } } })
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
      expect(begun.length).toBe(1)
    }).pipe(Effect.provide(gateway))
  })
})

describe("an injected message", () => {
  it.live("joins a transcript without a run, once for each key", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const told = yield* recorded
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
      expect(told.map(({ _tag }) => _tag)).toEqual([
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
