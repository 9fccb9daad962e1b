/** The methods `chat.*`, `runs.*` and `sessions.*`, called through an RPC client. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as RpcTest from "effect/rpc/RpcTest"
import { ChatRpcs } from "../../../src/domain/Chat.ts"
import { CurrentConnection } from "../../../src/domain/Principal.ts"
import { Authorized } from "../../../src/domain/Refusal.ts"
import { SessionRpcs } from "../../../src/domain/Session.ts"
import { ChatHandlers } from "../../../src/services/handlers/ChatHandlers.ts"
import { SessionHandlers } from "../../../src/services/handlers/SessionHandlers.ts"
import { layer, principal } from "../../support/Conversations.ts"
import { staged } from "../../support/StagedRuntime.ts"

const connection = { id: "c1", dialect: "test", principal }

const authorized = Layer.succeed(
  Authorized,
  Authorized.of((effect) => Effect.provideService(effect, CurrentConnection, connection)),
)

const gateway = (options: Parameters<typeof layer>[0] = {}) =>
  Layer.mergeAll(ChatHandlers, SessionHandlers, authorized).pipe(Layer.provideMerge(layer(options)))

const clients = Effect.all({ chat: RpcTest.makeClient(ChatRpcs), sessions: RpcTest.makeClient(SessionRpcs) })

describe("SessionHandlers and ChatHandlers", () => {
  it.live("`chat.send` starts a run in the main session, and `runs.wait` returns its reply.", () =>
    Effect.gen(function* () {
      const { chat } = yield* clients
      const { runId, sessionKey } = yield* chat["chat.send"]({ text: "hi" })
      expect(sessionKey).toBe("agent:main:main")
      expect(yield* chat["runs.wait"]({ runId })).toMatchObject({ state: "done", reply: "echo: hi" })
      expect(yield* chat["runs.wait"]({ runId, timeoutMs: 0 })).toMatchObject({ state: "done" })
    }).pipe(Effect.provide(gateway())),
  )

  it.live("`chat.inject` adds a message without a run.", () =>
    Effect.gen(function* () {
      const { chat, sessions } = yield* clients
      const injected = yield* chat["chat.inject"]({ sessionKey: "s", text: "note" })
      expect(injected).toMatchObject({ role: "assistant", runId: null })
      const { messages, nextBefore } = yield* sessions["sessions.history"]({ key: "s" })
      expect([messages.map(({ text }) => text), nextBefore]).toEqual([["note"], null])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("`sessions.history` returns the messages of a run in order.", () =>
    Effect.gen(function* () {
      const { chat, sessions } = yield* clients
      const { runId, sessionKey } = yield* chat["chat.send"]({ text: "hi" })
      yield* chat["runs.wait"]({ runId })
      const { messages } = yield* sessions["sessions.history"]({ key: sessionKey })
      expect(messages.map(({ text }) => text)).toEqual(["hi", "echo: hi"])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("`sessions.list` returns the session that `sessions.get` returns.", () =>
    Effect.gen(function* () {
      const { chat, sessions } = yield* clients
      yield* chat["chat.inject"]({ sessionKey: "s", text: "note" })
      const one = yield* sessions["sessions.get"]({ key: "s" })
      expect((yield* sessions["sessions.list"]({})).sessions).toEqual([one])
    }).pipe(Effect.provide(gateway())),
  )

  it.live("`sessions.preview` returns the newest messages of each key.", () =>
    Effect.gen(function* () {
      const { chat, sessions } = yield* clients
      yield* chat["chat.inject"]({ sessionKey: "s", text: "note" })
      const { previews } = yield* sessions["sessions.preview"]({ keys: ["s"] })
      expect(previews[0]?.messages.length).toBe(1)
    }).pipe(Effect.provide(gateway())),
  )

  it.live("`sessions.resolve` says whether the session of a route exists.", () =>
    Effect.gen(function* () {
      const { chat, sessions } = yield* clients
      const resolved = sessions["sessions.resolve"]({})
      expect(yield* resolved).toMatchObject({ sessionKey: "agent:main:main", exists: false })
      yield* chat["chat.inject"]({ sessionKey: "agent:main:main", text: "note" })
      expect(yield* resolved).toMatchObject({ sessionKey: "agent:main:main", exists: true })
    }).pipe(Effect.provide(gateway())),
  )

  it.live("`sessions.create` makes a session that `sessions.patch` changes.", () =>
    Effect.gen(function* () {
      const { sessions } = yield* clients
      expect(yield* sessions["sessions.create"]({ key: "k" })).toMatchObject({ key: "k", agentId: "main" })
      expect(yield* sessions["sessions.patch"]({ key: "k", label: "L" })).toMatchObject({ label: "L" })
    }).pipe(Effect.provide(gateway())),
  )

  it.live("`chat.stream` streams a run to its end, and the runtime gets the principal of the connection.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const { chat } = yield* clients
      const play = Effect.gen(function* () {
        const run = yield* next
        expect(run.turn.principal).toEqual(principal)
        yield* run.say("hello")
        yield* run.end
      })
      const stream = Stream.runCollect(chat["chat.stream"]({ text: "hi" }))
      const [items] = yield* Effect.all([stream, play], { concurrency: 2 })
      expect(items[0]).toMatchObject({ _tag: "Accepted" })
      expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded", outcome: "done" } })
    }).pipe(Effect.provide(gateway({ config: { runtime: "staged" }, runtimes: [runtime] })))
  })

  it.live("`runs.list` returns the open runs of one session or of all, with their text so far.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const { chat } = yield* clients
      const first = yield* chat["chat.send"]({ text: "1", sessionKey: "s" })
      const second = yield* chat["chat.send"]({ text: "2", sessionKey: "s" })
      const run = yield* next
      const firstText = Stream.runDrain(
        Stream.takeUntil(chat["chat.stream"]({ text: "1", sessionKey: "s", idempotencyKey: first.runId }), (item) =>
          item._tag === "Event" ? item.event._tag === "TextDelta" : item._tag === "RunText" && item.text !== "",
        ),
      )
      yield* Effect.all([firstText, run.say("half")], { concurrency: 2 })
      expect((yield* chat["runs.list"]({ sessionKey: "s" })).runs).toMatchObject([
        { runId: first.runId, sessionKey: "s", agentId: "main", state: "running", text: "half" },
        { runId: second.runId, state: "queued", text: "" },
      ])
      expect((yield* chat["runs.list"]({})).runs.length).toBe(2)
      expect((yield* chat["runs.list"]({ sessionKey: "t" })).runs).toEqual([])
      yield* chat["chat.abort"]({ sessionKey: "s" })
      yield* chat["runs.wait"]({ runId: first.runId })
      expect((yield* chat["runs.list"]({})).runs).toEqual([])
    }).pipe(Effect.provide(gateway({ config: { runtime: "staged" }, runtimes: [runtime] })))
  })

  it.live("`sessions.reset` and `sessions.delete` end the open runs of the session.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const { chat, sessions } = yield* clients
      for (const method of ["sessions.reset", "sessions.delete"] as const) {
        const first = yield* chat["chat.send"]({ text: "1", sessionKey: "s" })
        const second = yield* chat["chat.send"]({ text: "2", sessionKey: "s" })
        yield* (yield* next).say("half")
        expect(yield* sessions[method]({ key: "s" })).toEqual({ removedMessages: expect.any(Number) })
        for (const { runId } of [first, second]) {
          expect((yield* chat["runs.wait"]({ runId })).state).toBe("aborted")
        }
      }
      expect(yield* Effect.flip(sessions["sessions.get"]({ key: "s" }))).toMatchObject({ _tag: "SessionNotFound" })
      expect(yield* chat["chat.abort"]({ sessionKey: "s" })).toEqual({ aborted: [] })
    }).pipe(Effect.provide(gateway({ config: { runtime: "staged" }, runtimes: [runtime] })))
  })
})
