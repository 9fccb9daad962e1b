/** The typed client over a network that cuts its connections: it loses, repeats and resends nothing. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { localPrincipal } from "../../src/domain/Principal.ts"
import * as Gateway from "../../src/Gateway.ts"
import { AgentRuntimes } from "../../src/services/agents/AgentRuntimes.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as CuttingProxy from "../support/CuttingProxy.ts"
import { staged } from "../support/StagedRuntime.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** A client that connects to a port of this machine. */
const clientThrough = (port: number, token: string | undefined = TestGateway.TOKEN) =>
  Layer.build(GatewayClient.layer({ url: `ws://127.0.0.1:${port}/rpc`, token, maxBackoff: 5 })).pipe(
    Effect.map((context) => Context.get(context, GatewayClient)),
  )

describe("ClientConnection, drops", () => {
  it.live("A client waits during a lockout that another program at its address caused.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      const stranger = yield* clientThrough(port, "not-the-token")
      yield* Effect.flip(stranger.connected)
      const client = yield* clientThrough(port)
      const states = yield* client.state.changes.pipe(
        Stream.takeUntil((state) => state._tag === "Connected" || state._tag === "Refused"),
        Stream.runCollect,
      )
      expect(states.some((state) => state._tag === "Waiting" && state.reason.includes("too many wrong tokens"))).toBe(
        true,
      )
      expect(states.at(-1)).toEqual({ _tag: "Connected" })
    }).pipe(
      Effect.scoped,
      Effect.provide(TestGateway.layer({ limits: { authFailures: 1, lockoutMs: 300, authFailureDelayMs: 0 } })),
    ),
  )

  it.live("A client does not report `Connected` at an endpoint that is not `/rpc`.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      const client = yield* Effect.map(
        Layer.build(GatewayClient.layer({ url: `ws://127.0.0.1:${port}/elsewhere`, token: TestGateway.TOKEN })),
        (context) => Context.get(context, GatewayClient),
      )
      const states = yield* client.state.changes.pipe(
        Stream.takeUntil((state) => state._tag === "Waiting"),
        Stream.runCollect,
      )
      expect(states.map(({ _tag }) => _tag)).not.toContain("Connected")
      expect(states.at(-1)).toMatchObject({ reason: expect.stringContaining("closed 1008") })
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live(
    "A stream of events has every message once and in order, although the connection drops many times.",
    () =>
      Effect.gen(function* () {
        const { port } = yield* TestGateway.TestGateway
        const runs = yield* Runs
        const proxy = yield* CuttingProxy.make(port)
        let drops = 0
        proxy.cutAfter(() => (++drops < 25 ? 3_000 : Number.POSITIVE_INFINITY))
        const client = yield* clientThrough(proxy.port)
        const total = 150
        const done = yield* Deferred.make<void>()
        const seen: Array<string> = []
        const joined = yield* Deferred.make<void>()
        const subscription = yield* client.events({ topics: ["chat"], sessionKey: "agent:main:events" }).pipe(
          Stream.runForEach((item) =>
            Effect.gen(function* () {
              if (item._tag === "Joined") yield* Deferred.succeed(joined, undefined)
              if (item._tag !== "Event" || item.event._tag !== "MessageAdded") return
              seen.push(item.event.message.text)
              if (seen.length === total) yield* Deferred.succeed(done, undefined)
            }),
          ),
          Effect.forkScoped,
        )
        yield* Deferred.await(joined)
        for (let i = 0; i < total; i++) {
          yield* runs.inject({ sessionKey: "agent:main:events", text: `message ${i} ${"x".repeat(100)}`, role: "user" })
        }
        yield* Effect.raceFirst(Deferred.await(done), Fiber.join(subscription))
        expect(seen.map((text) => Number(text.split(" ")[1]))).toEqual(Array.from({ length: total }, (_, i) => i))
        expect(proxy.connections()).toBeGreaterThan(5)
      }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
    30_000,
  )

  it.live("A reply that is streamed over drops is complete, and the message is sent once.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      const runs = yield* Runs
      const proxy = yield* CuttingProxy.make(port)
      const client = yield* clientThrough(proxy.port)
      const pieces = yield* Queue.unbounded<string>()
      const reply = yield* client.reply({ text: "hello", sessionKey: "agent:main:chat" }).pipe(
        Stream.runForEach((piece) => Queue.offer(pieces, piece)),
        Effect.forkScoped,
      )
      const run = yield* next
      let said = ""
      let heard = ""
      for (let i = 1; i <= 60; i++) {
        said += `word${i} `
        yield* run.say(`word${i} `)
        if (i % 20 > 0) continue
        while (heard.length < said.length) heard += yield* Queue.take(pieces)
        proxy.cut()
      }
      yield* run.end
      yield* Fiber.join(reply)
      heard += (yield* Queue.clear(pieces)).join("")
      expect(heard).toBe(said)
      expect(proxy.connections()).toBe(4)
      const { messages } = yield* client.calls["sessions.history"]({ key: "agent:main:chat" })
      expect(messages.map(({ role }) => role)).toEqual(["user", "assistant"])
      expect(runs.counts().running).toBe(0)
    }).pipe(
      Effect.scoped,
      Effect.provide(
        TestGateway.layer({
          runtime: "staged",
          runtimes: Layer.merge(Gateway.parts.runtimes, AgentRuntimes.add(runtime)),
        }),
      ),
    )
  })

  it.live("A call in flight at a drop fails and is not sent again.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      const runs = yield* Runs
      const proxy = yield* CuttingProxy.make(port)
      const client = yield* clientThrough(proxy.port)
      yield* client.connected
      const { runId } = yield* runs.accept({ text: "/slow 60000 wait", sessionKey: "agent:main:call" }, localPrincipal)
      const waiting = yield* Effect.forkScoped(Effect.flip(client.calls["runs.wait"]({ runId })))
      yield* client.calls.ping({})
      proxy.cut()
      expect(yield* Fiber.join(waiting)).toMatchObject({ _tag: "RpcClientError" })
      yield* client.connected
      expect(yield* client.calls.ping({})).toHaveProperty("at")
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live("The states of a drop are `Waiting` with the reason, `Connecting` and `Connected`.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      const proxy = yield* CuttingProxy.make(port)
      const client = yield* clientThrough(proxy.port)
      yield* client.connected
      const states = yield* client.state.changes.pipe(
        Stream.tap((state) => Effect.sync(() => state._tag === "Connected" && proxy.cut())),
        Stream.take(4),
        Stream.runCollect,
      )
      expect(states.map(({ _tag }) => _tag)).toEqual(["Connected", "Waiting", "Connecting", "Connected"])
      expect(states[1]).toMatchObject({ attempt: 0, reason: "the connection broke" })
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live("A client reconnects if the gateway falls silent.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      let silent = false
      const proxy = yield* CuttingProxy.make(port, (data) => (silent ? Buffer.alloc(0) : data))
      const url = `ws://127.0.0.1:${proxy.port}/rpc`
      const options = { url, token: TestGateway.TOKEN, maxBackoff: 5, pingInterval: 100 }
      const client = Context.get(yield* Layer.build(GatewayClient.layer(options)), GatewayClient)
      yield* client.connected
      const states = yield* client.state.changes.pipe(
        Stream.tap(({ _tag }) => Effect.sync(() => (silent = _tag === "Connected"))),
        Stream.take(4),
        Stream.runCollect,
      )
      expect(states.map(({ _tag }) => _tag)).toEqual(["Connected", "Waiting", "Connecting", "Connected"])
      expect(states[1]).toMatchObject({ attempt: 0, reason: "closed 4009 no sign of life" })
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live("Calls, events and sends fail after the gateway refuses the token, and the client does not retry.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      const proxy = yield* CuttingProxy.make(port)
      const client = yield* clientThrough(proxy.port, "wrong")
      expect(yield* Effect.flip(client.connected)).toMatchObject({ _tag: "RpcClientError" })
      expect(client.state.current).toMatchObject({ _tag: "Refused" })
      expect(yield* Effect.flip(client.calls.ping({}))).toMatchObject({ _tag: "RpcClientError" })
      expect(yield* Effect.flip(Stream.runDrain(client.events()))).toMatchObject({ _tag: "RpcClientError" })
      expect(yield* Effect.flip(Stream.runDrain(client.reply("hello")))).toMatchObject({ _tag: "RpcClientError" })
      expect(proxy.connections()).toBe(1)
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )

  it.live("A failed run fails the reply with its reason, and an aborted run ends its stream.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway.TestGateway
      const client = yield* clientThrough(port)
      expect(yield* Effect.flip(Stream.runDrain(client.reply("/fail on purpose")))).toMatchObject({
        _tag: "RunNotDone",
        outcome: "failed",
        error: { reason: "runtime" },
      })
      const items = yield* client.chat({ text: "/slow 60000 one two", sessionKey: "agent:main:abort" }).pipe(
        Stream.tap((item) =>
          item._tag === "Accepted"
            ? client.calls["chat.abort"]({ sessionKey: item.sessionKey, runId: item.runId })
            : Effect.void,
        ),
        Stream.runCollect,
      )
      expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded", outcome: "aborted" } })
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )
})
