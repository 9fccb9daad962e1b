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
  it.live("Sending, waiting and injecting work, and the session methods return the messages.", () =>
    Effect.gen(function* () {
      const { chat, sessions } = yield* clients
      const { runId, sessionKey } = yield* chat["chat.send"]({ text: "hi" })
      expect(sessionKey).toBe("agent:main:main")
      expect(yield* chat["runs.wait"]({ runId })).toMatchObject({ state: "done", reply: "echo: hi" })
      expect(yield* chat["runs.wait"]({ runId, timeoutMs: 0 })).toMatchObject({ state: "done" })
      expect(yield* chat["chat.inject"]({ sessionKey, text: "note" })).toMatchObject({ role: "assistant", runId: null })
      const { messages, nextBefore } = yield* sessions["sessions.history"]({ key: sessionKey })
      expect(messages.map(({ text }) => text)).toEqual(["hi", "echo: hi", "note"])
      expect(nextBefore).toBeNull()
      expect((yield* sessions["sessions.list"]({})).sessions).toEqual([
        yield* sessions["sessions.get"]({ key: sessionKey }),
      ])
      expect((yield* sessions["sessions.preview"]({ keys: [sessionKey] })).previews[0]?.messages.length).toBe(3)
      expect(yield* sessions["sessions.resolve"]({})).toMatchObject({ sessionKey, exists: true })
      expect(yield* sessions["sessions.patch"]({ key: sessionKey, label: "L" })).toMatchObject({ label: "L" })
      expect(yield* sessions["sessions.create"]({ key: "k" })).toMatchObject({ key: "k", agentId: "main" })
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
