/** The typed client over a network that cuts its connections: nothing lost, nothing twice, nothing sent again. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { localPrincipal } from "../../src/domain/Principal.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as CuttingProxy from "../support/CuttingProxy.ts"
import * as TestGateway from "../support/TestGateway.ts"

/** A client behind a proxy, in a gateway's own process. */
const clientThrough = (port: number, token: string | undefined = TestGateway.TOKEN) =>
  Layer.build(GatewayClient.layer({ url: `ws://127.0.0.1:${port}/rpc`, token, maxBackoff: 5 })).pipe(
    Effect.map((context) => Context.get(context, GatewayClient)),
  )

describe("the client over drops", () => {
  it.live("waits out a lockout that another program has brought upon its address", () =>
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

  it.live("is not connected where what answers is not the gateway's contract", () =>
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
    "events: every message once and in order over a connection that is cut again and again",
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
        const listening = yield* client.events({ topics: ["chat"], sessionKey: "agent:main:events" }).pipe(
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
        yield* Effect.raceFirst(Deferred.await(done), Fiber.join(listening))
        expect(seen.map((text) => Number(text.split(" ")[1]))).toEqual(Array.from({ length: total }, (_, i) => i))
        expect(proxy.connections()).toBeGreaterThan(5)
      }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
    30_000,
  )

  it.live(
    "chat: a reply streamed over a cut connection is the whole reply, and the message was sent once",
    () =>
      Effect.gen(function* () {
        const { port } = yield* TestGateway.TestGateway
        const runs = yield* Runs
        const proxy = yield* CuttingProxy.make(port)
        const client = yield* clientThrough(proxy.port)
        const words = Array.from({ length: 60 }, (_, i) => `word${i}`).join(" ")
        let pieces = 0
        const said = yield* client.reply({ text: `/slow 600 ${words}`, sessionKey: "agent:main:chat" }).pipe(
          Stream.tap(() => Effect.sync(() => ++pieces % 9 === 0 && proxy.cut())),
          Stream.runFold(
            () => "",
            (text, piece) => text + piece,
          ),
        )
        expect(said).toBe(`echo: ${words}`)
        expect(proxy.connections()).toBeGreaterThan(2)
        const { messages } = yield* client.calls["sessions.history"]({ key: "agent:main:chat" })
        expect(messages.map(({ role }) => role)).toEqual(["user", "assistant"])
        expect(runs.counts().running).toBe(0)
      }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
    30_000,
  )

  it.live("a call in flight at a drop fails, and is not sent again", () =>
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

  it.live("the state is told: connected, waiting for the next attempt with the reason, connected again", () =>
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

  it.live("a gateway that says nothing more is given up, and looked for again", () =>
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

  it.live("a wrong token is refused once and for all: calls, events and sends fail instead of trying for ever", () =>
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

  it.live("a failed run fails the reply with its reason, an aborted one ends its events", () =>
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
