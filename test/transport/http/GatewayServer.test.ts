/** GatewayServer: opening the port, its own routes and closing it. */
import { describe, expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { connect, createServer } from "node:net"
import type { GatewayOptions } from "../../../src/domain/GatewayConfig.ts"
import { StartupError } from "../../../src/domain/StartupError.ts"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { Stub, stubGateway, TOKEN } from "../../support/StubGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

const get = Effect.fnUntraced(function* (path: string, init: RequestInit = {}) {
  const { authority } = yield* ListeningAddress
  return yield* Effect.promise(async () => {
    const response = await fetch(`http://${authority}${path}`, init)
    return { status: response.status, body: await response.text() }
  })
})

/** Why it does not start. */
const refusal = (options: GatewayOptions) => Effect.flip(Effect.scoped(Layer.build(stubGateway(options))))

/** A port that another program has. */
const takenPort = Effect.acquireRelease(
  Effect.callback<{ readonly port: number; readonly close: () => void }>((resume) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address()
      if (typeof address === "object" && address !== null) {
        resume(Effect.succeed({ port: address.port, close: () => server.close() }))
      }
    })
  }),
  ({ close }) => Effect.sync(close),
)

describe("GatewayServer", () => {
  it.live("A start on a port in use fails with one line.", () =>
    Effect.gen(function* () {
      const { port } = yield* takenPort
      const error = yield* refusal({ port })
      expect(error).toBeInstanceOf(StartupError)
      expect(error.message).toBe(
        `port ${port} of 127.0.0.1 is taken: stop the program that has it, or give the gateway another port`,
      )
    }),
  )

  it.live("A start on an address of another machine fails.", () =>
    Effect.gen(function* () {
      expect((yield* refusal({ host: "203.0.113.1" })).message).toBe(
        "cannot listen on 203.0.113.1: EADDRNOTAVAIL: give the gateway an address of this machine",
      )
    }),
  )

  it.live.each(["0.0.0.0", "::", "192.168.1.5"])("A gateway with auth none does not listen on %s.", (host) =>
    Effect.gen(function* () {
      expect((yield* refusal({ host, auth: "none" })).message).toBe(
        `without a token everybody on the network could use the gateway at ${host}: set auth to token, or host to 127.0.0.1`,
      )
    }),
  )

  it.live.each(["127.0.0.1", "::1", "localhost"])("A gateway with port 0 provides its actual port on %s.", (host) =>
    Effect.gen(function* () {
      const address = yield* ListeningAddress
      expect(address.host).toBe(host)
      expect(address.port).toBeGreaterThan(0)
      expect(address.authority).toBe(`${host === "::1" ? "[::1]" : host}:${address.port}`)
      expect((yield* get("/healthz")).status).toBe(200)
    }).pipe(Effect.provide(stubGateway({ host, auth: "none" }))),
  )

  it.live("The time for handshakes may exceed the time for requests.", () =>
    Effect.gen(function* () {
      expect((yield* get("/healthz")).status).toBe(200)
    }).pipe(Effect.provide(stubGateway({ limits: { handshakeTimeoutMs: 3_600_000 } }))),
  )

  it.live("A client that does not finish the head of its request in the time for handshakes is cut.", () =>
    Effect.gen(function* () {
      const { port } = yield* ListeningAddress
      const answer = yield* Effect.callback<string>((resume) => {
        let heard = ""
        const socket = connect(port, "127.0.0.1").setEncoding("utf8")
        socket.on("data", (text) => (heard += text)).on("close", () => resume(Effect.succeed(heard)))
        const letters = setInterval(() => socket.write("x"), 10)
        socket.on("close", () => clearInterval(letters)).on("error", () => {})
        socket.write("GET /healthz HTTP/1.1\r\nX: ")
      })
      expect(answer).toMatch(/^HTTP\/1.1 408 /)
    }).pipe(Effect.timeout("4 seconds"), Effect.provide(stubGateway({ limits: { handshakeTimeoutMs: 200 } }))),
  )

  it.live("A gateway that closes gives clients a reason and frees the port.", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const context = yield* Layer.buildWithScope(stubGateway(), scope)
      const { authority, port } = yield* Effect.provideContext(ListeningAddress, context)
      const socket = yield* TestSocket.connect(`ws://${authority}/rpc?token=${TOKEN}`)
      const pending = yield* TestSocket.connect(`ws://${authority}/rpc`)
      yield* Scope.close(scope, Exit.void)
      const restarting = { code: 1012, reason: "the gateway is restarting" }
      expect([yield* socket.closed, yield* pending.closed]).toEqual([restarting, restarting])
      yield* Effect.provide(get("/healthz"), stubGateway({ port }))
    }),
  )

  const mine = HttpRouter.use((router) =>
    router.add(
      "GET",
      "/mine/:name",
      Effect.map(HttpRouter.params, ({ name }) => HttpServerResponse.text(`my ${name}`)),
    ),
  )

  layer(stubGateway({}, mine), { excludeTestServices: true })((it) => {
    it.effect("Routes of an embedding program are served beside the gateway's own.", () =>
      Effect.gen(function* () {
        expect(yield* get("/mine/route")).toEqual({ status: 200, body: "my route" })
        expect((yield* get("/healthz")).status).toBe(200)
        expect(yield* get("/nowhere")).toEqual({ status: 404, body: '{"error":"not found"}' })
      }),
    )

    it.effect("A browser that opens the gateway's address gets a text that lists the wires and routes.", () =>
      Effect.gen(function* () {
        const { body, status } = yield* get("/?from=somewhere")
        expect(status).toBe(200)
        expect(body).toMatch(/^This is a Causeway gateway\b/)
        expect(body).toMatch(/^ {2}\/rpc +the typed client/m)
        expect(body).toMatch(/^ {2}\/health, \/ready +probes$/m)
      }),
    )
  })
})

describe("HealthRoutes", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect.each(["/health", "/healthz"])(
      "The route %s answers 200 while the gateway is alive, even if it is not healthy.",
      (path) =>
        Effect.gen(function* () {
          const stub = yield* Stub
          for (const state of ["healthy", "degraded", "stopping"] as const) {
            stub.health = { ...stub.health, state }
            expect(yield* get(path)).toEqual({ status: 200, body: '{"ok":true,"status":"live"}' })
          }
          expect((yield* get(path, { method: "HEAD" })).status).toBe(200)
          expect((yield* get(path, { method: "POST" })).status).toBe(405)
        }),
    )

    it.effect.each(["/ready", "/readyz"])(
      "The route %s answers whether the gateway takes work, with the reasons if not.",
      (path) =>
        Effect.gen(function* () {
          const stub = yield* Stub
          const base = { version: "1", uptimeMs: 42 }
          stub.health = { ...base, state: "healthy", checks: [{ name: "storage", problem: null }] }
          expect(yield* get(path)).toEqual({ status: 200, body: '{"ready":true,"failing":[],"uptimeMs":42}' })
          stub.health = {
            ...base,
            state: "degraded",
            checks: [
              { name: "storage", problem: "disk full" },
              { name: "runs", problem: null },
            ],
          }
          expect(yield* get(path)).toEqual({
            status: 503,
            body: '{"ready":false,"failing":["storage: disk full"],"uptimeMs":42}',
          })
          stub.health = { ...base, state: "stopping", checks: [] }
          expect(yield* get(path)).toEqual({
            status: 503,
            body: '{"ready":false,"failing":["stopping"],"uptimeMs":42}',
          })
        }),
    )
  })
})
