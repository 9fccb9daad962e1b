import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { replyPieces } from "../../../src/client/Reply.ts"
import type { Principal } from "../../../src/domain/Principal.ts"
import { Approvals } from "../../../src/services/approvals/Approvals.ts"
import { Questions } from "../../../src/services/questions/Questions.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"
import { part } from "../../support/AskingRuntime.ts"
import { guarded } from "../../support/GuardedRuntime.ts"
import { untilEvent } from "../../support/Published.ts"
import { staged } from "../../support/StagedRuntime.ts"

const onStage = () => {
  const stage = staged()
  return { ...stage, gateway: layer({ config: { runtime: "staged" }, runtimes: [stage.runtime] }) }
}

const send = (text: string, idempotencyKey?: string, by: Principal = principal) =>
  Effect.flatMap(Runs, (runs) =>
    runs.accept({ text, sessionKey: "s", ...(idempotencyKey !== undefined && { idempotencyKey }) }, by),
  )

const texts = Effect.map(
  Effect.flatMap(Sessions, (sessions) => sessions.history("s", { limit: 200 })),
  ({ messages }) => messages.map(({ role, text }) => `${role}: ${text}`),
)

describe("/stop", () => {
  it.live("/stop aborts the running turn and the waiting ones at once.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const running = yield* send("runs")
      const run = yield* next
      const waiting = yield* send("waits")
      expect(yield* ask("/stop", "s")).toMatchObject({ state: "done", reply: "Stopped 2 runs." })
      yield* Deferred.await(run.interrupted)
      expect((yield* runs.get(running.runId)).state).toBe("aborted")
      expect((yield* runs.get(waiting.runId)).state).toBe("aborted")
      expect(yield* texts).toEqual(["user: runs", "user: waits"])
      expect(yield* ask("/stop", "s")).toMatchObject({ reply: "Nothing runs in this session." })
      yield* send("next")
      expect((yield* next).turn).toMatchObject({ text: "next" })
    }).pipe(Effect.provide(gateway))
  })

  it.live("/stop works in a session whose queue is full.", () => {
    const stage = staged()
    const config = { runtime: "staged", runs: { waitingPerSession: 1 } }
    return Effect.gen(function* () {
      yield* send("runs")
      yield* stage.next
      yield* send("waits")
      expect(yield* Effect.flip(send("too many"))).toMatchObject({ _tag: "SessionBusy" })
      expect(yield* ask("/stop", "s")).toMatchObject({ reply: "Stopped 2 runs." })
    }).pipe(Effect.provide(layer({ config, runtimes: [stage.runtime] })))
  })

  it.live("A repeated /stop does not end a later run.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      expect(yield* send("/stop", "key")).toMatchObject({ duplicate: false, runId: "key" })
      const { runId } = yield* send("later")
      yield* next
      expect(yield* send("/stop", "key")).toMatchObject({ duplicate: true, runId: "key" })
      expect((yield* runs.get(runId)).state).toBe("running")
      expect(yield* Effect.flip(send("/status", "key"))).toMatchObject({ _tag: "IdempotencyConflict" })
    }).pipe(Effect.provide(gateway))
  })

  it.live("With commands: false, /stop goes to the agent.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const { runId } = yield* runs.accept({ text: "/stop", sessionKey: "s", commands: false }, principal)
      expect(yield* runs.wait(runId, 5_000)).toMatchObject({ reply: "echo: /stop" })
    }).pipe(Effect.provide(layer())),
  )
})

describe("/status", () => {
  it.live("/status answers at once and does not change the session.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      expect((yield* ask("/status", "s")).reply).toContain("Messages: 0")
      expect(sessions.find("s")).toBeUndefined()
      yield* send("runs")
      const run = yield* next
      yield* send("waits")
      const { reply } = yield* ask("/status", "s")
      expect(reply).toContain(
        "Agent: Main (main)\nRuntime: staged\nThinking: default\nQueue mode: followup\nMessages: 1",
      )
      expect(reply).toContain("Runs: 1 running, 1 waiting")
      yield* run.end
      expect(yield* (yield* next).past).toEqual(["runs"])
      expect(yield* texts).toEqual(["user: runs", "user: waits"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("The answer of /status is streamed like a reply, also after a repeated send.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const streamed = Stream.mkString(
        replyPieces(runs.stream({ text: "/status", sessionKey: "s", idempotencyKey: "key" }, principal)),
      )
      const reply = yield* streamed
      expect(reply).toContain("Session: s")
      expect(yield* streamed).toBe(reply)
    }).pipe(Effect.provide(layer())),
  )
})

describe("The commands of settings", () => {
  it.live("/model, /think and /queue change the session at once, and later runs follow them.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const sessions = yield* Sessions
      expect(yield* ask("/model test/one", "s")).toMatchObject({ state: "done", reply: "Model: test/one" })
      expect(yield* ask("/think high", "s")).toMatchObject({ reply: "Thinking: high" })
      expect(yield* ask("/queue collect", "s")).toMatchObject({ reply: "Queue mode: collect" })
      expect(sessions.find("s")).toMatchObject({
        model: "test/one",
        thinking: "high",
        queue: "collect",
        messageCount: 0,
      })
      expect(yield* ask("/queue", "s")).toMatchObject({ reply: "Queue mode: collect" })
      yield* send("first")
      const first = yield* next
      expect(first.turn).toMatchObject({ model: "test/one", thinking: "high" })
      yield* send("a")
      yield* send("b")
      yield* first.end
      const collected = yield* next
      expect(collected.turn.text).toBe("a\n\nb")
      yield* collected.end
      expect(yield* ask("/queue default", "s")).toMatchObject({ reply: "Queue mode: followup" })
      expect(sessions.find("s")).not.toHaveProperty("queue")
      expect(sessions.find("s")).toMatchObject({ model: "test/one", thinking: "high" })
    }).pipe(Effect.provide(gateway))
  })

  it.live("A repeated /queue does not undo a later one.", () =>
    Effect.gen(function* () {
      yield* send("/queue steer", "key")
      yield* send("/queue collect")
      expect(yield* send("/queue steer", "key")).toMatchObject({ duplicate: true })
      expect((yield* Sessions).find("s")).toMatchObject({ queue: "collect" })
    }).pipe(Effect.provide(layer())),
  )

  it.live("A command with another argument goes to the agent.", () =>
    Effect.gen(function* () {
      expect(yield* ask("/queue up", "s")).toMatchObject({ reply: "echo: /queue up" })
    }).pipe(Effect.provide(layer())),
  )
})

describe("/compact and /help", () => {
  it.live("/compact says whether there is something to summarize, and why it failed.", () =>
    Effect.gen(function* () {
      expect(yield* ask("/compact", "s")).toMatchObject({ reply: "No message has come since the last summary." })
      yield* ask("hi", "s")
      expect(yield* ask("/compact", "s")).toMatchObject({
        reply: 'The runtime "echo" of agent "main" makes no summaries.',
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("/compact adds the runtime's summary to the transcript.", () => {
    const summarizing = {
      ...staged().runtime,
      run: () => Stream.empty,
      summarize: ({ history }: { readonly history: ReadonlyArray<{ readonly id: number }> }) =>
        Effect.succeed({ text: "summary", upTo: history.at(-1)!.id }),
    }
    return Effect.gen(function* () {
      yield* ask("hi", "s")
      expect(yield* ask("/compact", "s")).toMatchObject({ state: "done", reply: expect.stringMatching(/summarized/) })
      expect((yield* texts).at(-1)).toMatch(/summary/)
    }).pipe(Effect.provide(layer({ config: { runtime: "staged" }, runtimes: [summarizing] })))
  })

  it.live("/help lists the commands.", () =>
    Effect.gen(function* () {
      expect((yield* ask("/help", "s")).reply).toContain(
        "/queue [followup|collect|steer|interrupt|default]: Show or set",
      )
    }).pipe(Effect.provide(layer())),
  )
})

describe("/new and /reset", () => {
  for (const command of ["/new", "/reset"]) {
    it.live(`${command} aborts the run and empties the session.`, () => {
      const { gateway, next } = onStage()
      return Effect.gen(function* () {
        const sessions = yield* Sessions
        yield* send("old")
        const run = yield* next
        expect((yield* ask(command, "s")).reply).toBe("The session is empty: a new conversation begins.")
        yield* Deferred.await(run.interrupted)
        expect(yield* texts).toEqual([])
        expect(sessions.find("s")).toMatchObject({ messageCount: 0, historyCount: 0, activity: "idle" })
        yield* send("fresh")
        const fresh = yield* next
        expect(fresh.turn.text).toBe("fresh")
        expect(yield* fresh.past).toEqual([])
      }).pipe(Effect.provide(gateway))
    })
  }

  it.live("The text after /new is the first message of the new conversation.", () =>
    Effect.gen(function* () {
      yield* ask("old", "s")
      expect(yield* ask("/new  hello", "s", "key")).toMatchObject({ runId: "key", reply: "echo: hello" })
      expect(yield* texts).toEqual(["user: hello", "assistant: echo: hello"])
      expect(yield* send("/new  hello", "key")).toMatchObject({ duplicate: true })
      expect(yield* texts).toEqual(["user: hello", "assistant: echo: hello"])
    }).pipe(Effect.provide(layer())),
  )

  it.live("A repeated /reset empties nothing.", () =>
    Effect.gen(function* () {
      yield* ask("/reset", "s", "key")
      yield* ask("since", "s")
      expect(yield* send("/reset", "key")).toMatchObject({ duplicate: true })
      expect(yield* texts).toEqual(["user: since", "assistant: echo: since"])
    }).pipe(Effect.provide(layer())),
  )

  it.live("/new and /reset need the scope of sessions.reset.", () =>
    Effect.gen(function* () {
      const writer: Principal = { ...principal, scopes: ["operator.write"] }
      yield* ask("kept", "s")
      for (const text of ["/new", "/reset", "/new hello"]) {
        const refused = yield* Effect.flip(send(text, undefined, writer))
        expect(refused).toMatchObject({ _tag: "Forbidden", missingScope: "operator.admin" })
      }
      expect(yield* texts).toEqual(["user: kept", "assistant: echo: kept"])
      expect(yield* send("/stop", undefined, writer)).toMatchObject({ duplicate: false })
    }).pipe(Effect.provide(layer())),
  )
})

describe("/approve", () => {
  const reader: Principal = { ...principal, id: "reader", scopes: ["operator.write"] }

  it.live("/approve decides a call that waits, and answers why a decision comes too late.", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const runs = yield* Runs
      const { runId } = yield* send("/call x")
      yield* untilEvent(() => approvals.waiting().length === 1)
      const { id } = approvals.waiting()[0]!
      expect(yield* Effect.flip(send(`/approve ${id} allow-once`, undefined, reader))).toMatchObject({
        _tag: "Forbidden",
        missingScope: "operator.approvals",
      })
      expect(yield* ask("/approve", "s")).toMatchObject({ reply: expect.stringContaining("allow-once") })
      expect(yield* ask("/approve none deny", "s")).toMatchObject({ reply: 'No approval "none" waits.' })
      const decided = yield* ask(`/approve ${id.slice(0, 8)} allow-once`, "s", "key")
      expect(decided.reply).toBe(`Decided allow-once: act (${id}).`)
      expect((yield* runs.wait(runId, 10_000)).reply).toBe("ran x")
      expect((yield* ask(`/approve ${id.slice(0, 8)} allow-once`, "s", "key")).reply).toBe(decided.reply)
      expect((yield* ask(`/approve ${id} deny`, "other")).reply).toBe(
        'Nothing was decided: "test" decided allow-once before.',
      )
    }).pipe(Effect.provide(layer({ config: { runtime: "guarded" }, runtimes: [guarded(() => Effect.void)] }))),
  )
})

describe("/answer", () => {
  const reader: Principal = { ...principal, id: "reader", scopes: ["operator.write"] }

  it.live("/answer answers a question once, and tells what it asks and why an answer does not count.", () =>
    Effect.gen(function* () {
      const questions = yield* Questions
      const parts = [part("color", { options: [{ label: "red" }, { label: "blue" }] })]
      const { id } = yield* questions.request({ parts }, "asker")
      const text = `/answer ${id} blue`
      expect(yield* Effect.flip(send(text, undefined, reader))).toMatchObject({ missingScope: "operator.questions" })
      expect((yield* ask("/answer", "s")).reply).toContain("the id of the question")
      expect((yield* ask("/answer none x", "s")).reply).toBe('No question "none" waits.')
      expect((yield* ask(`/answer ${id}`, "s")).reply).toContain("Which color?\n  1. red\n  2. blue\n")
      expect((yield* ask(`/answer ${id} green`, "s")).reply).toBe('The part "color" takes "red", "blue" only.')
      expect((yield* ask(`/answer ${id.slice(0, 8)} 2`, "s", "key")).reply).toBe("Answered: Which color?")
      expect((yield* questions.get(id)).answers).toEqual({ color: ["blue"] })
      expect((yield* ask(`/answer ${id.slice(0, 8)} 2`, "s", "key")).reply).toBe("Answered: Which color?")
      expect((yield* ask(`/answer ${id} red`, "s")).reply).toBe(
        'Nothing was answered: it was answered by "test" before.',
      )
    }).pipe(Effect.provide(layer())),
  )

  it.live("/answer takes no secrets, because chats show them.", () =>
    Effect.gen(function* () {
      const questions = yield* Questions
      const { id } = yield* questions.request({ parts: [part("key", { isSecret: true })] }, "asker")
      const { reply } = yield* ask(`/answer ${id} hunter2`, "s")
      expect(reply).toContain(`causeway questions answer ${id}`)
      expect(questions.waiting()).toHaveLength(1)
    }).pipe(Effect.provide(layer())),
  )
})
