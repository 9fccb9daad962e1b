/** The operator's client against a gateway that does its worst. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import {
  OpenClawClient,
  type OpenClawItem,
  type OpenClawOptions,
  type OpenClawState,
} from "../../src/openclaw-client.ts"
import * as ScriptedUpstream from "../support/ScriptedUpstream.ts"

const TOKEN = "token-of-the-upstream"

type Client = OpenClawClient["Service"]

const clientOf = (url: string, options: Partial<OpenClawOptions> = {}) =>
  Effect.map(Layer.build(OpenClawClient.layer({ url, token: TOKEN, ...options })), (context) =>
    Context.get(context, OpenClawClient),
  )

/** Waits for a state. */
const until = <T extends OpenClawState["_tag"]>(client: Client, tag: T) =>
  Effect.map(
    Stream.runHead(
      Stream.filter(
        client.state.changes,
        (state): state is Extract<OpenClawState, { readonly _tag: T }> => state._tag === tag,
      ),
    ),
    (head) => head.valueOrUndefined!,
  )

/** Starts the client and lets it in. */
const connected = (options: Partial<OpenClawOptions> = {}, hello: object = {}, challenge: object = {}) =>
  Effect.gen(function* () {
    const upstream = yield* ScriptedUpstream.make
    const client = yield* clientOf(upstream.url, options)
    const connection = yield* upstream.accept
    const connect = yield* connection.welcome(hello, challenge)
    yield* client.connected
    return { upstream, client, connection, connect }
  })

/** Collects the items of a subscriber, which waits for them one by one. */
const subscribe = Effect.fnUntraced(function* (client: Client) {
  const items = yield* Queue.unbounded<OpenClawItem>()
  yield* Effect.forkScoped(
    Stream.runForEach(client.events, (item) => Queue.offer(items, item)),
    {
      startImmediately: true,
    },
  )
  return Queue.take(items)
})

/** Waits until the client pauses, then lets exactly the pause pass: more time would end the next attempt. */
const pass = (client: Client) =>
  Effect.flatMap(until(client, "Waiting"), ({ retryInMs }) => TestClock.adjust(retryInMs))

describe("The handshake with a hostile gateway", () => {
  it.effect("The client waits for the challenge and offers protocols 3 to 4 with role, scopes and token.", () =>
    Effect.gen(function* () {
      const { client, connect } = yield* connected({ scopes: ["operator.read", "operator.write"] })
      expect(connect.params).toMatchObject({
        minProtocol: 3,
        maxProtocol: 4,
        role: "operator",
        scopes: ["operator.read", "operator.write"],
        client: { id: "gateway-client", mode: "backend" },
        auth: { token: TOKEN },
      })
      expect(client.state.current).toMatchObject({ _tag: "Connected", hello: { protocol: 4 } })
    }),
  )

  it.effect("The client speaks protocol 3 with a gateway that chooses it.", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({}, { protocol: 3 })
      expect(client.state.current).toMatchObject({ hello: { protocol: 3 } })
    }),
  )

  it.effect("A gateway of protocol 5 is reported as foreign, and the client asks again later.", () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const client = yield* clientOf(upstream.url)
      const connection = yield* upstream.accept
      yield* connection.welcome({ protocol: 5 })
      const { reason } = yield* until(client, "Waiting")
      expect(reason).toContain("not of protocol 3 or 4")
    }),
  )

  it.effect.each([
    ["PROTOCOL_MISMATCH", "protocol mismatch", "this client speaks protocols 3 and 4"],
    ["AUTH_TOKEN_MISMATCH", "unauthorized: gateway token mismatch", "set the gateway's token"],
  ])("The refusal %s ends the client with the reason and the next step.", ([code, message, step]) =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const client = yield* clientOf(upstream.url)
      const connection = yield* upstream.accept
      connection.refuse(yield* connection.challenge(), { code: "INVALID_REQUEST", message, details: { code } })
      const error = yield* Effect.flip(client.connected)
      expect(error).toMatchObject({ _tag: "OpenClawRefused", code })
      expect(error.message).toContain(step)
      expect(error.message).not.toContain(TOKEN)
      yield* TestClock.adjust("5 minutes")
      expect(upstream.connections()).toBe(1)
    }),
  )

  it.effect("The client waits as long as a busy gateway requests.", () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const client = yield* clientOf(upstream.url)
      const connection = yield* upstream.accept
      connection.refuse(yield* connection.challenge(), {
        code: "UNAVAILABLE",
        message: "gateway starting",
        retryable: true,
        retryAfterMs: 12_345,
      })
      expect(yield* until(client, "Waiting")).toMatchObject({ retryInMs: 12_345, reason: "gateway starting" })
    }),
  )

  it.effect("A gateway that hangs before hello-ok is left after 15 seconds.", () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const client = yield* clientOf(upstream.url)
      const connection = yield* upstream.accept
      yield* connection.challenge()
      yield* TestClock.adjust("15 seconds")
      expect(yield* connection.closed).toEqual({ code: 4000, reason: "handshake timeout" })
      expect(yield* until(client, "Waiting")).toMatchObject({ reason: "closed 4000 no hello-ok in time" })
    }),
  )

  it.effect("A program that is no OpenClaw gateway is named as such.", () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const client = yield* clientOf(upstream.url)
      const connection = yield* upstream.accept
      connection.send({ jsonrpc: "2.0", method: "hello" })
      expect((yield* until(client, "Waiting")).reason).toContain("not an OpenClaw gateway")
    }),
  )

  it.effect("A client that waits for approval says so, asks again, and gets in.", () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const client = yield* clientOf(upstream.url)
      const connection = yield* upstream.accept
      const details = { code: "PAIRING_REQUIRED", requestId: "r-7" }
      connection.refuse(yield* connection.challenge(), { code: "NOT_PAIRED", message: "pairing required", details })
      const pairing = yield* until(client, "Pairing")
      expect(pairing).toMatchObject({ requestId: "r-7", reason: "pairing required" })
      yield* TestClock.adjust(pairing.retryInMs)
      yield* (yield* upstream.accept).welcome()
      yield* client.connected
    }),
  )
})

describe("Requests to a hostile gateway", () => {
  it.effect("Each answer reaches its own request, in any order.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      const calls = yield* Effect.forkChild(
        Effect.all([client.request("a"), client.request("b"), client.request("c")], { concurrency: "unbounded" }),
        { startImmediately: true },
      )
      const requests = [yield* connection.next, yield* connection.next, yield* connection.next]
      expect(new Set(requests.map(({ id }) => id)).size).toBe(3)
      for (const request of requests.toReversed()) connection.answer(request, request.method)
      expect(yield* Fiber.join(calls)).toEqual(["a", "b", "c"])
    }),
  )

  it.effect("A request without an answer fails after 30 seconds, and the late answer is dropped.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      const call = yield* Effect.forkChild(Effect.flip(client.request("slow")), { startImmediately: true })
      const request = yield* connection.next
      yield* TestClock.adjust("30 seconds")
      expect(yield* Fiber.join(call)).toMatchObject({ _tag: "RequestUnanswered", reason: "timeout", method: "slow" })
      connection.answer(request, "late")
      const next = yield* Effect.forkChild(client.request("next"), { startImmediately: true })
      connection.answer(yield* connection.expect("next"), "in time")
      expect(yield* Fiber.join(next)).toBe("in time")
    }),
  )

  it.effect("A request without a connection is an error, not a crash.", () =>
    Effect.gen(function* () {
      const client = yield* clientOf("ws://127.0.0.1:9/")
      expect(yield* Effect.flip(client.request("health"))).toMatchObject({ reason: "not-connected" })
    }),
  )

  it.effect("A refusal has the fields of the answer.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      const call = yield* Effect.forkChild(Effect.flip(client.call("chat.abort", { sessionKey: "main" })), {
        startImmediately: true,
      })
      connection.refuse(yield* connection.next, {
        code: "FORBIDDEN",
        message: "missing scope: operator.write",
        details: { code: "MISSING_SCOPE" },
      })
      expect(yield* Fiber.join(call)).toMatchObject({
        _tag: "RequestRefused",
        code: "FORBIDDEN",
        reason: "missing scope: operator.write",
        details: { code: "MISSING_SCOPE" },
      })
    }),
  )

  it.effect("A close between frames fails the open requests, and none is sent again.", () =>
    Effect.gen(function* () {
      const { client, connection, upstream } = yield* connected()
      const call = yield* Effect.forkChild(Effect.flip(client.request("chat.send")), { startImmediately: true })
      yield* connection.expect("chat.send")
      connection.cut()
      expect(yield* Fiber.join(call)).toMatchObject({ reason: "connection-lost" })
      yield* pass(client)
      const second = yield* upstream.accept
      yield* second.welcome()
      yield* client.connected
      const next = yield* Effect.forkChild(client.request("health"), { startImmediately: true })
      second.answer(yield* second.expect("health"))
      yield* Fiber.join(next)
    }),
  )

  it.effect("`final` waits for the second answer, which has no time limit.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      const params = { message: "hi", idempotencyKey: "k" }
      const call = yield* Effect.forkChild(client.call("agent", params, { final: true }), { startImmediately: true })
      const request = yield* connection.expect("agent")
      connection.answer(request, { runId: "k", status: "accepted" })
      const seen = yield* Effect.forkChild(client.request("ping"), { startImmediately: true })
      connection.answer(yield* connection.next)
      yield* Fiber.join(seen)
      yield* TestClock.adjust("10 seconds")
      connection.event("tick")
      connection.answer(request, { runId: "k", status: "ok", result: { payloads: [{ text: "echo: hi" }] } })
      expect(yield* Fiber.join(call)).toMatchObject({ status: "ok", result: { payloads: [{ text: "echo: hi" }] } })
    }),
  )

  it.effect("A typed call refuses an answer of another shape, and `request` returns it.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      const typed = yield* Effect.forkChild(Effect.flip(client.call("agents.list")), { startImmediately: true })
      connection.answer(yield* connection.next, { agents: "none" })
      expect(yield* Fiber.join(typed)).toMatchObject({ reason: "unreadable" })
      const raw = yield* Effect.forkChild(client.request("agents.list"), { startImmediately: true })
      connection.answer(yield* connection.next, { agents: "none" })
      expect(yield* Fiber.join(raw)).toEqual({ agents: "none" })
    }),
  )

  it.effect("A request over the gateway's limit is not sent.", () =>
    Effect.gen(function* () {
      const { client } = yield* connected({}, { policy: { maxPayload: 1_000 } })
      expect(yield* Effect.flip(client.request("chat.send", { message: "x".repeat(1_000) }))).toMatchObject({
        reason: "too-large",
      })
    }),
  )

  it.effect("At most 256 requests wait for an answer.", () =>
    Effect.gen(function* () {
      const { client } = yield* connected()
      for (let i = 0; i < 256; i++) yield* Effect.forkChild(client.request("hang"), { startImmediately: true })
      expect(yield* Effect.flip(client.request("one more"))).toMatchObject({ reason: "too-many" })
    }),
  )
})

describe("Events of a hostile gateway", () => {
  it.effect("An event that comes during the sync is not lost, and the answers arrive meanwhile.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      const seen: Array<string> = []
      const done = yield* Effect.forkChild(
        client.events.pipe(
          Stream.takeUntil((item) => item._tag === "Event" && item.event === "last"),
          Stream.runForEach((item) =>
            item._tag === "Event"
              ? Effect.sync(() => void seen.push(item.event))
              : Effect.andThen(
                  client.call("agents.list"),
                  Effect.sync(() => void seen.push("synced")),
                ).pipe(Effect.orDie),
          ),
        ),
        { startImmediately: true },
      )
      const request = yield* connection.expect("agents.list")
      connection.event("presence", { presence: [] }, { seq: 1 })
      connection.answer(request, { agents: [] })
      connection.event("last", {}, { seq: 2 })
      yield* Fiber.join(done)
      expect(seen).toEqual(["synced", "presence", "last"])
    }),
  )

  it.effect("A subscriber from before the connection gets `Joined`, then every event from the first on.", () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const client = yield* clientOf(upstream.url)
      const next = yield* subscribe(client)
      const connection = yield* upstream.accept
      yield* connection.welcome()
      connection.event("presence", { presence: [] }, { seq: 1 })
      expect(yield* next).toMatchObject({ _tag: "Joined", reset: "connected" })
      expect(yield* next).toMatchObject({ _tag: "Event", event: "presence" })
    }),
  )

  it.effect("After reconnections, each event still comes once to each subscriber.", () =>
    Effect.gen(function* () {
      const { client, connection, upstream } = yield* connected()
      const next = yield* subscribe(client)
      expect(yield* next).toMatchObject({ _tag: "Joined" })
      let last = connection
      for (let round = 0; round < 5; round++) {
        last.event("presence", { round }, { seq: 1 })
        expect(yield* next).toMatchObject({ _tag: "Event", payload: { round } })
        last.close(1012, "service restart")
        yield* pass(client)
        last = yield* upstream.accept
        yield* last.welcome()
        expect(yield* next).toMatchObject({ _tag: "Joined", reset: "connected" })
      }
      last.event("end")
      expect(yield* next).toMatchObject({ event: "end" })
    }),
  )

  it.effect("Repeated events are dropped, and a gap is reported before the event that shows it.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      const next = yield* subscribe(client)
      yield* next
      for (const seq of [1, 2, 2, 1, 3, 6]) connection.event("e", { seq }, { seq })
      for (const seq of [1, 2, 3]) expect(yield* next).toMatchObject({ payload: { seq } })
      expect(yield* next).toMatchObject({ _tag: "Joined", reset: "gap" })
      expect(yield* next).toMatchObject({ payload: { seq: 6 } })
    }),
  )

  it.effect("A gap is healed by resuming, where the gateway offers it.", () =>
    Effect.gen(function* () {
      const offer = { capabilities: ["resume"] }
      const { client, connect, connection, upstream } = yield* connected(
        {},
        { position: { epoch: "e", seq: 10 } },
        offer,
      )
      expect(connect.params.resume).toBe(true)
      const next = yield* subscribe(client)
      yield* next
      connection.event("e", { n: 1 }, { seq: 1, position: 11 })
      connection.event("e", { n: 3 }, { seq: 3, position: 13 })
      expect(yield* next).toMatchObject({ payload: { n: 1 } })
      expect(yield* connection.closed).toEqual({ code: 4002, reason: "events are missing" })
      yield* pass(client)
      const second = yield* upstream.accept
      const again = yield* second.welcome({ position: { epoch: "e", seq: 13 }, resume: { resumed: true } }, offer)
      expect(again.params.resume).toEqual({ epoch: "e", seq: 11, sessions: false, messages: [] })
      second.event("e", { n: 2 }, { seq: 1, position: 12 })
      second.event("e", { n: 3 }, { seq: 2, position: 13 })
      expect(yield* next).toMatchObject({ _tag: "Joined", reset: null })
      expect(yield* next).toMatchObject({ payload: { n: 2 } })
      expect(yield* next).toMatchObject({ payload: { n: 3 } })
    }),
  )

  it.effect("A subscriber that comes during a pause is told to fetch the lists, although the gateway resumes.", () =>
    Effect.gen(function* () {
      const offer = { capabilities: ["resume"] }
      const position = { epoch: "e", seq: 10 }
      const { client, connection, upstream } = yield* connected({}, { position }, offer)
      const old = yield* subscribe(client)
      yield* old
      connection.cut()
      const { retryInMs } = yield* until(client, "Waiting")
      const young = yield* subscribe(client)
      yield* TestClock.adjust(retryInMs)
      yield* (yield* upstream.accept).welcome({ position, resume: { resumed: true } }, offer)
      expect(yield* old).toMatchObject({ _tag: "Joined", reset: null })
      expect(yield* young).toMatchObject({ _tag: "Joined", reset: "connected" })
    }),
  )

  it.effect("Subscriptions are restored before `Joined`, without those that the gateway refuses.", () =>
    Effect.gen(function* () {
      const { client, connection, upstream } = yield* connected()
      const next = yield* subscribe(client)
      yield* next
      for (const [method, params] of [
        ["sessions.subscribe", {}],
        ["sessions.messages.subscribe", { key: "a" }],
        ["sessions.messages.subscribe", { key: "b" }],
      ] as const) {
        const call = yield* Effect.forkChild(client.request(method, params), { startImmediately: true })
        connection.answer(yield* connection.next, { subscribed: true })
        yield* Fiber.join(call)
      }
      for (const kept of [["a", "b"], ["b"]]) {
        const last = upstream.connections()
        if (last === 1) connection.cut()
        yield* pass(client)
        const again = yield* upstream.accept
        yield* again.welcome()
        again.answer(yield* again.expect("sessions.subscribe"), { subscribed: true })
        for (const key of kept) {
          const request = yield* again.expect("sessions.messages.subscribe")
          expect(request.params).toEqual({ key })
          if (key === "a") again.refuse(request, { code: "INVALID_REQUEST", message: "no such session" })
          else again.answer(request, { subscribed: true, key })
        }
        expect(yield* next).toMatchObject({ _tag: "Joined", reset: "connected" })
        again.cut()
      }
    }),
  )

  it.effect("Junk in the stream is skipped, and the connection stays.", () =>
    Effect.gen(function* () {
      const { client, connection, upstream } = yield* connected()
      const next = yield* subscribe(client)
      yield* next
      connection.send("not json", "[]", '{"type":"res"}', '{"type":"event"}', "null", '{"type":"evt","event":"x"}')
      connection.send({ type: "res", id: "nobody", ok: true }, { type: "event", event: "e", seq: "1" })
      connection.event("after", {}, { unknownMember: true })
      expect(yield* next).toMatchObject({ _tag: "Event", event: "after" })
      expect(upstream.connections()).toBe(1)
    }),
  )

  it.effect("A subscriber that hangs loses its own events only, and gets a reset instead.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      const next = yield* subscribe(client)
      yield* next
      const released = yield* Queue.unbounded<void>()
      const slow: Array<OpenClawItem> = []
      yield* Effect.forkScoped(
        Stream.runForEach(client.events, (item) =>
          Effect.andThen(
            Effect.sync(() => void slow.push(item)),
            Queue.take(released),
          ),
        ),
        { startImmediately: true },
      )
      for (let n = 1; n <= 6_000; n++) connection.event("e", { n }, { seq: n })
      for (let n = 1; n <= 6_000; n++) expect(yield* next).toMatchObject({ payload: { n } })
      while (!slow.some((item) => item._tag === "Joined" && item.reset === "slow")) {
        yield* Queue.offer(released, undefined)
        yield* Effect.yieldNow
      }
    }),
  )
})

describe("The life of a connection", () => {
  it.effect("The pauses grow from 1 to 30 seconds, with jitter, and start again after hello-ok.", () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const client = yield* clientOf(upstream.url)
      const pauses: Array<number> = []
      for (let attempt = 0; attempt < 8; attempt++) {
        ;(yield* upstream.accept).cut()
        const { retryInMs } = yield* until(client, "Waiting")
        pauses.push(retryInMs)
        yield* TestClock.adjust(retryInMs)
      }
      for (const [i, full] of [1, 2, 4, 8, 16, 30, 30, 30].entries()) {
        expect(pauses[i]).toBeLessThanOrEqual(full * 1_000)
        expect(pauses[i]).toBeGreaterThanOrEqual(full * 500)
      }
      const connection = yield* upstream.accept
      yield* connection.welcome()
      yield* client.connected
      connection.cut()
      const waiting = yield* until(client, "Waiting")
      expect(waiting).toMatchObject({ attempt: 1 })
      expect(waiting.retryInMs).toBeLessThanOrEqual(1_000)
    }),
  )

  it.effect("A gateway that falls silent for two ticks is left with 4000.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      yield* TestClock.adjust("60 seconds")
      yield* TestClock.adjust("30 seconds")
      expect(yield* connection.closed).toEqual({ code: 4000, reason: "tick timeout" })
      expect(yield* until(client, "Waiting")).toMatchObject({ reason: "closed 4000 no sign of life" })
    }),
  )

  it.effect("Ticks keep a quiet connection open.", () =>
    Effect.gen(function* () {
      const { client, connection, upstream } = yield* connected()
      const next = yield* subscribe(client)
      yield* next
      for (let i = 0; i < 20; i++) {
        yield* TestClock.adjust("30 seconds")
        connection.event("tick", { ts: i })
        expect(yield* next).toMatchObject({ event: "tick" })
      }
      expect(upstream.connections()).toBe(1)
    }),
  )

  it.effect("The client comes back when a restarting gateway expects to.", () =>
    Effect.gen(function* () {
      const { client, connection } = yield* connected()
      connection.event("shutdown", { reason: "restart", restartExpectedMs: 7_000 })
      connection.close(1012, "service restart")
      expect(yield* until(client, "Waiting")).toMatchObject({ retryInMs: 7_000, reason: "closed 1012 service restart" })
    }),
  )

  it.effect('The end of the scope closes the connection with 1000 "shutdown" and fails open requests.', () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      const { connection, open } = yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* clientOf(upstream.url)
          const connection = yield* upstream.accept
          yield* connection.welcome()
          yield* client.connected
          const open = yield* Effect.forkDetach(Effect.flip(client.request("hang")), { startImmediately: true })
          yield* connection.expect("hang")
          return { connection, open }
        }),
      )
      expect(yield* connection.closed).toEqual({ code: 1000, reason: "shutdown" })
      expect(yield* Fiber.join(open)).toMatchObject({ reason: "connection-lost" })
    }),
  )

  it.effect("The end of the scope is prompt while the gateway hangs in the handshake, and during a pause.", () =>
    Effect.gen(function* () {
      const upstream = yield* ScriptedUpstream.make
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* clientOf(upstream.url)
          yield* upstream.accept
        }),
      )
      yield* Effect.scoped(
        Effect.gen(function* () {
          const client = yield* clientOf(upstream.url)
          ;(yield* upstream.accept).cut()
          yield* until(client, "Waiting")
        }),
      )
      expect(upstream.connections()).toBe(2)
    }),
  )

  it.effect("A gateway that comes back as another one, with another token, ends the client.", () =>
    Effect.gen(function* () {
      const { client, connection, upstream } = yield* connected()
      connection.close(4001, "gateway auth changed")
      yield* pass(client)
      const second = yield* upstream.accept
      second.refuse(yield* second.challenge(), {
        code: "INVALID_REQUEST",
        message: "unauthorized: gateway token mismatch",
        details: { code: "AUTH_TOKEN_MISMATCH" },
      })
      expect(yield* until(client, "Refused")).toMatchObject({ code: "AUTH_TOKEN_MISMATCH" })
      expect(yield* Effect.flip(client.request("health"))).toMatchObject({ reason: "not-connected" })
    }),
  )
})
