/** The operator's client against this gateway: requests, events over drops, devices, pairing and TLS. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as Socket from "effect/socket/Socket"
import { join } from "node:path"
import { WebSocket } from "ws"
import { fingerprintOfFile } from "../../src/client/Fingerprint.ts"
import { isEvent, OpenClawClient, type OpenClawOptions } from "../../src/openclaw-client.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as Certificates from "../support/Certificates.ts"
import * as CuttingProxy from "../support/CuttingProxy.ts"
import { temporaryFolder } from "../support/GatewayProcess.ts"
import { TestGateway, layer as gateway, TOKEN } from "../support/TestGateway.ts"

type Client = OpenClawClient["Service"]

const SCOPES = ["operator.read", "operator.write", "operator.pairing"]

/** A client of a port of this machine. */
const clientOf = (port: number, options: Partial<OpenClawOptions> = {}) =>
  Effect.map(
    Layer.build(
      OpenClawClient.layer({
        url: `ws://127.0.0.1:${port}/`,
        token: TOKEN,
        scopes: SCOPES,
        maxBackoff: 5,
        ...options,
      }),
    ),
    (context) => Context.get(context, OpenClawClient),
  )

/** A client that the gateway takes for one on another machine, because a proxy names its address. */
const remoteClient = (port: number, options: Partial<OpenClawOptions>) =>
  Effect.map(
    Layer.build(
      OpenClawClient.layerNoDeps({ url: `ws://127.0.0.1:${port}/`, scopes: SCOPES, maxBackoff: 5, ...options }).pipe(
        Layer.provide(
          Layer.succeed(Socket.WebSocketConstructor)(
            (url) => new WebSocket(url, { headers: { "x-forwarded-for": "203.0.113.9" } }),
          ),
        ),
      ),
    ),
    (context) => Context.get(context, OpenClawClient),
  )

/** Waits for the first event that `pick` takes. */
const first = <A>(
  client: Client,
  pick: (item: { readonly event: string; readonly payload: unknown }) => A | undefined,
) =>
  client.events.pipe(
    Stream.filter((item) => item._tag === "Event"),
    Stream.map(pick),
    Stream.filter((picked) => picked !== undefined),
    Stream.runHead,
    Effect.map((head) => head.valueOrUndefined!),
  )

describe("OpenClawClient and this gateway", () => {
  it.live("Typed calls list agents and sessions, send a message, and read the transcript.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway
      const client = yield* clientOf(port)
      yield* client.connected
      expect(client.state.current).toMatchObject({ hello: { protocol: 4, auth: { scopes: SCOPES } } })
      expect((yield* client.call("agents.list")).agents.map(({ id }) => id)).toContain("main")
      const params = { message: "hello", idempotencyKey: "k1", sessionKey: "agent:main:main" }
      const end = yield* client.call("agent", params, { final: true })
      expect(end).toMatchObject({ runId: "k1", status: "ok", result: { payloads: [{ text: "echo: hello" }] } })
      const { sessions } = yield* client.call("sessions.list", { limit: 10 })
      expect(sessions).toMatchObject([{ key: "agent:main:main", agentId: "main", hasActiveRun: false }])
      const { messages } = yield* client.call("chat.history", { sessionKey: "agent:main:main" })
      expect(messages.map(({ role }) => role)).toEqual(["user", "assistant"])
      expect(yield* client.call("system-presence")).toEqual(expect.arrayContaining([expect.anything()]))
      expect((yield* client.call("models.list")).models.length).toBeGreaterThan(0)
      expect(yield* Effect.flip(client.call("sessions.delete", { key: "agent:main:main" }))).toMatchObject({
        _tag: "RequestRefused",
        details: { code: "MISSING_SCOPE" },
      })
      expect(yield* Effect.flip(client.request("no.such.method"))).toMatchObject({
        reason: expect.stringContaining("unknown method"),
      })
    }).pipe(Effect.scoped, Effect.provide(gateway())),
  )

  it.live("A run streams as typed events.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway
      const client = yield* clientOf(port)
      const ready = yield* Deferred.make<void>()
      const texts = yield* Effect.forkScoped(
        client.events.pipe(
          Stream.tap((item) => (item._tag === "Joined" ? Deferred.succeed(ready, undefined) : Effect.void)),
          Stream.filter((item) => item._tag === "Event"),
          Stream.filter((event) => isEvent(event, "chat")),
          Stream.map(({ payload }) => payload),
          Stream.takeUntil(({ state }) => state === "final"),
          Stream.runCollect,
        ),
      )
      yield* Deferred.await(ready)
      const sent = yield* client.call("chat.send", { sessionKey: "main", message: "one two", idempotencyKey: "k" })
      expect(sent).toEqual(expect.objectContaining({ runId: "k", status: "started" }))
      const events = Array.from(yield* Fiber.join(texts))
      expect(events.every(({ runId }) => runId === "k")).toBe(true)
      expect(events.map(({ deltaText }) => deltaText ?? "").join("")).toContain("echo: one two")
      expect(events.at(-1)).toMatchObject({ state: "final" })
    }).pipe(Effect.scoped, Effect.provide(gateway())),
  )

  it.live(
    "Every message of a session comes once and in order, although the connection drops many times.",
    () =>
      Effect.gen(function* () {
        const { port } = yield* TestGateway
        const runs = yield* Runs
        const proxy = yield* CuttingProxy.make(port)
        const client = yield* clientOf(proxy.port)
        const total = 200
        const seen: Array<number> = []
        const resets: Array<unknown> = []
        const done = yield* Deferred.make<void>()
        const subscribed = yield* Deferred.make<void>()
        yield* Effect.forkScoped(
          Stream.runForEach(client.events, (item) =>
            Effect.gen(function* () {
              if (item._tag === "Joined") {
                resets.push(item.reset)
                if (resets.length > 1) return
                yield* client.call("sessions.subscribe")
                yield* Deferred.succeed(subscribed, undefined)
                return
              }
              if (!isEvent(item, "session.message")) return
              seen.push(Number(/n(\d+)/.exec(JSON.stringify(item.payload.message.content))?.[1]))
              // The client has read further than the subscriber, and loses what the network holds.
              if (seen.length % 9 === 5) proxy.cut()
              if (seen.length === total) yield* Deferred.succeed(done, undefined)
            }),
          ),
        )
        yield* Deferred.await(subscribed)
        for (let n = 0; n < total; n++) {
          yield* runs.inject({ sessionKey: "agent:main:drops", text: `n${n}`, role: "user" })
        }
        yield* Deferred.await(done)
        expect(seen).toEqual(Array.from({ length: total }, (_, n) => n))
        expect(resets[0]).toBe("connected")
        expect(resets.length).toBeGreaterThan(5)
        expect(new Set(resets.slice(1))).toEqual(new Set([null]))
      }).pipe(Effect.scoped, Effect.provide(gateway())),
    30_000,
  )

  it.live("A device on this machine is paired, and returns with its own token and without the gateway's.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway
      const deviceFile = join(yield* temporaryFolder, "device.json")
      yield* Effect.scoped(Effect.flatMap(clientOf(port, { deviceFile }), (client) => client.connected))
      const client = yield* clientOf(port, { deviceFile, token: undefined })
      yield* client.connected
      const { paired } = yield* client.call("device.pair.list")
      expect(paired).toHaveLength(1)
      expect((yield* client.call("agents.list")).agents.length).toBeGreaterThan(0)
    }).pipe(Effect.scoped, Effect.provide(gateway())),
  )

  it.live("A device with its own token gets in although the configured token is wrong.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway
      const deviceFile = join(yield* temporaryFolder, "device.json")
      yield* Effect.scoped(Effect.flatMap(clientOf(port, { deviceFile }), (client) => client.connected))
      const client = yield* clientOf(port, { deviceFile, token: "the-token-of-yesterday" })
      yield* client.connected
      expect(client.state.current).toMatchObject({ _tag: "Connected" })
    }).pipe(Effect.scoped, Effect.provide(gateway())),
  )

  it.live("A device on another machine waits, says so, and gets in after an operator approves it.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway
      const operator = yield* clientOf(port)
      yield* operator.connected
      const requested = yield* Effect.forkScoped(
        first(operator, (event) => (isEvent(event, "device.pair.requested") ? event.payload : undefined)),
        { startImmediately: true },
      )
      const deviceFile = join(yield* temporaryFolder, "device.json")
      const device = yield* remoteClient(port, { deviceFile, token: TOKEN })
      const pairing = yield* device.state.changes.pipe(
        Stream.filter((state) => state._tag === "Pairing"),
        Stream.runHead,
      )
      const { deviceId, requestId } = yield* Fiber.join(requested)
      expect(pairing.valueOrUndefined).toMatchObject({ requestId, deviceId })
      yield* operator.call("device.pair.approve", { requestId })
      yield* device.connected
      expect((yield* device.call("agents.list")).agents.length).toBeGreaterThan(0)
    }).pipe(Effect.scoped, Effect.provide(gateway())),
  )

  it.live("A wrong token ends the client, and neither its state nor its error contains it.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway
      const client = yield* clientOf(port, { token: "not-the-token" })
      const error = yield* Effect.flip(client.connected)
      expect(error).toMatchObject({ code: "AUTH_TOKEN_MISMATCH" })
      expect(`${error.message}${JSON.stringify(client.state.current)}`).not.toContain("not-the-token")
    }).pipe(Effect.scoped, Effect.provide(gateway({ limits: { authFailureDelayMs: 0 } }))),
  )

  it.live("The password of the gateway opens the connection.", () =>
    Effect.gen(function* () {
      const { port } = yield* TestGateway
      const client = yield* clientOf(port, { token: undefined, password: "the-password-of-this-test" })
      yield* client.connected
      expect((yield* client.call("agents.list")).agents.length).toBeGreaterThan(0)
    }).pipe(Effect.scoped, Effect.provide(gateway({ password: "the-password-of-this-test" }))),
  )

  it.live("A certificate is known by its fingerprint, and another certificate gets no byte of the token.", () =>
    Effect.gen(function* () {
      const tls = Certificates.install(yield* temporaryFolder, "first")
      yield* Effect.gen(function* () {
        const { port } = yield* TestGateway
        const options = (name: Certificates.Name) => ({
          url: `wss://127.0.0.1:${port}`,
          fingerprint: fingerprintOfFile(Certificates.certFile(name))!,
        })
        const right = yield* clientOf(port, options("first"))
        yield* right.connected
        const wrong = yield* clientOf(port, options("second"))
        const states = yield* wrong.state.changes.pipe(
          Stream.takeUntil(({ _tag }) => _tag !== "Connecting"),
          Stream.runCollect,
        )
        expect(states.at(-1)).toMatchObject({ _tag: "Waiting", code: "CERT_FINGERPRINT_DIFFERS" })
      }).pipe(Effect.provide(gateway({ tls })))
    }).pipe(Effect.scoped),
  )

  it.live("A text that is no address, and a fingerprint without TLS, are refused at once.", () =>
    Effect.gen(function* () {
      const build = (options: OpenClawOptions) => Effect.scoped(Effect.exit(Layer.build(OpenClawClient.layer(options))))
      expect(String(yield* build({ url: "not an address" }))).toContain("is not the address of a gateway")
      const fingerprint = "0".repeat(64)
      expect(String(yield* build({ url: "ws://127.0.0.1:1", fingerprint }))).toContain("write the address with wss://")
    }),
  )
})
