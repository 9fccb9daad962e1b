/** TcpConnections: the cost of strangers below and beside WebSockets: sockets, bodies and control frames. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Logger from "effect/Logger"
import { connect as connectTcp, type Socket } from "node:net"
import type { GatewayOptions } from "../../../src/domain/GatewayConfig.ts"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import * as HttpAuth from "../../../src/transport/http/HttpAuth.ts"
import { ConnectionSupervisor } from "../../../src/transport/connection/ConnectionSupervisor.ts"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { stubGateway, TOKEN } from "../../support/StubGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

/** A TCP connection as a program without HTTP holds it. */
class RawSocket {
  heard = ""
  readonly socket: Socket
  constructor(socket: Socket) {
    this.socket = socket
    socket.setEncoding("utf8").on("data", (text) => (this.heard += text))
    socket.on("error", () => {})
  }

  get closed(): Effect.Effect<string> {
    return Effect.callback<string>((resume) => {
      if (this.socket.closed) return resume(Effect.succeed(this.heard))
      this.socket.once("close", () => resume(Effect.succeed(this.heard)))
    })
  }
}

const open = (localAddress = "127.0.0.1") =>
  Effect.flatMap(ListeningAddress, ({ port }) =>
    Effect.acquireRelease(
      Effect.callback<RawSocket>((resume) => {
        const socket = connectTcp({ port, host: "127.0.0.1", localAddress })
        const raw = new RawSocket(socket)
        socket.once("connect", () => resume(Effect.succeed(raw)))
      }),
      ({ socket }) => Effect.sync(() => socket.destroy()),
    ),
  )

const connect = (path: string, options = {}) =>
  Effect.flatMap(ListeningAddress, ({ authority }) => TestSocket.connect(`ws://${authority}${path}`, options))

const get = (path: string, token?: string) =>
  Effect.flatMap(ListeningAddress, ({ authority }) =>
    Effect.promise(async () => {
      const headers: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const response = await fetch(`http://${authority}${path}`, { headers })
      await response.text()
      return response
    }),
  )

/** A route of an embedding program. */
const routes = HttpRouter.use((router) =>
  Effect.gen(function* () {
    const access = yield* HttpAuth.make
    for (const method of ["GET", "POST"] as const) {
      yield* router.add(method, "/guarded", (request) =>
        access(request).pipe(
          Effect.as(HttpServerResponse.text("yours")),
          Effect.catch((refusal) => Effect.succeed(refusal)),
        ),
      )
    }
  }),
)

const gateway = (options: GatewayOptions = {}, log: ReadonlyArray<Logger.Logger<unknown, unknown>> = []) =>
  layer(stubGateway(options, routes, log), { excludeTestServices: true })

describe("TcpConnections", () => {
  gateway({ limits: { tcpPerAddress: 4, handshakeTimeoutMs: 60_000 } })((it) => {
    it.effect(
      "Strangers of one address have few TCP connections; other addresses and authenticated clients have room.",
      () =>
        Effect.gen(function* () {
          const known = yield* Effect.all(Array.from({ length: 8 }, () => connect(`/rpc?token=${TOKEN}`)))
          const idle = yield* Effect.all(Array.from({ length: 4 }, () => open()))
          expect(yield* (yield* open()).closed).toBe("")
          expect(yield* (yield* open()).closed).toBe("")
          const elsewhere = yield* open("127.0.0.2")
          elsewhere.socket.end("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
          expect(yield* elsewhere.closed).toMatch(/^HTTP\/1.1 200 /)
          expect(known.every(({ isOpen }) => isOpen)).toBe(true)
          // A connection that has ended counts no more, as soon as the gateway sees that.
          idle[0]!.socket.destroy()
          const answer = Effect.flatMap(open(), (raw) => {
            raw.socket.end("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            return raw.closed
          })
          yield* Effect.repeat(answer, { until: (heard) => heard.startsWith("HTTP/1.1 200 ") })
        }),
    )

    it.effect(
      "A TCP connection stops counting once its client authenticates inside its WebSocket or by a request.",
      () =>
        Effect.gen(function* () {
          for (let i = 0; i < 8; i++) {
            const socket = yield* connect("/rpc")
            socket.send(JSON.stringify({ _tag: "Request", id: 1, tag: "authenticate", payload: { token: TOKEN } }))
            yield* socket.next
          }
          expect((yield* Connections).size()).toBeGreaterThanOrEqual(8)
          // Of each, the connection is kept alive.
          for (let i = 0; i < 8; i++) {
            const raw = yield* open()
            raw.socket.write(`GET /guarded HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`)
            yield* Effect.callback<void>((resume) => {
              raw.socket.once("data", () => resume(Effect.void))
            })
            expect(raw.heard).toMatch(/^HTTP\/1.1 200 /)
          }
        }),
    )
  })

  gateway({ limits: { connections: 2, tcpPerAddress: 2, handshakeTimeoutMs: 60_000 } })((it) => {
    it.effect("Strangers have a limit over all addresses, towards which authenticated clients do not count.", () =>
      Effect.gen(function* () {
        yield* Effect.all([connect(`/rpc?token=${TOKEN}`), connect(`/rpc?token=${TOKEN}`)])
        for (const address of ["127.0.0.1", "127.0.0.1", "127.0.0.2", "127.0.0.2"]) yield* open(address)
        expect(yield* (yield* open("127.0.0.3")).closed).toBe("")
      }),
    )
  })

  gateway({ limits: { tcpPerAddress: 2 }, trustedProxies: ["127.0.0.1"] })((it) => {
    it.effect("Connections of a trusted proxy, which carries many clients, do not count.", () =>
      Effect.gen(function* () {
        const many = yield* Effect.all(Array.from({ length: 8 }, () => open()))
        for (const { socket } of many) {
          socket.end("GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        }
        for (const raw of many) expect(yield* raw.closed).toMatch(/^HTTP\/1.1 200 /)
      }),
    )
  })
})

describe("TcpConnections: refused request", () => {
  gateway({ limits: { handshakeTimeoutMs: 200 } })((it) => {
    it.effect.each([
      { name: "without a token", headers: "", status: 401 },
      { name: "of a foreign page", headers: "Origin: https://evil.example\r\n", status: 403 },
    ])("The socket of a refused request closes: $name.", ({ headers, status }) =>
      Effect.gen(function* () {
        const raw = yield* open()
        raw.socket.write(`GET /guarded HTTP/1.1\r\nHost: localhost\r\n${headers}\r\n`)
        const heard = yield* raw.closed
        expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
        expect(heard.toLowerCase()).toContain("connection: close")
      }),
    )

    it.effect.each([
      { name: "without a token", path: "/guarded", headers: "", status: 401 },
      { name: "of a foreign page", path: "/guarded", headers: "Origin: https://evil.example\r\n", status: 403 },
      { name: "where no route is", path: "/nowhere", headers: "", status: 404 },
    ])("A refusal ends a body that arrives byte by byte: $name.", ({ headers, path, status }) =>
      Effect.gen(function* () {
        const raw = yield* open()
        raw.socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${headers}Content-Length: 1000000\r\n\r\n`)
        const letters = setInterval(() => raw.socket.write("x"), 10)
        const heard = yield* Effect.ensuring(
          raw.closed,
          Effect.sync(() => clearInterval(letters)),
        )
        expect(heard).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
      }).pipe(Effect.timeout("5 seconds")),
    )

    it.effect("A refusal reaches a client that is still sending a large body.", () =>
      Effect.gen(function* () {
        const raw = yield* open()
        raw.socket.write("POST /guarded HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        raw.socket.write("x".repeat(1_000_000))
        expect(yield* raw.closed).toMatch(/^HTTP\/1.1 401 [^]*send the header Authorization: Bearer"}$/)
      }),
    )
  })
})

describe("TcpConnections: unsolicited pongs", () => {
  const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0])

  gateway({ limits: { preAuthFrames: 8 } })((it) => {
    it.effect("Unsolicited pongs count as frames before authentication.", () =>
      Effect.gen(function* () {
        const socket = yield* connect("/rpc")
        socket.sendBytes(Buffer.concat(Array.from({ length: 9 }, () => pong)))
        expect(yield* socket.closed).toEqual({
          code: 1008,
          reason: "policy violation: too many frames before authentication",
        })
      }),
    )
  })

  gateway({ limits: { inboundFrames: 8 } })((it) => {
    it.effect("A flood of pongs waits in the client's own socket.", () =>
      Effect.gen(function* () {
        const bystander = yield* connect(`/rpc?token=${TOKEN}`)
        const socket = yield* connect(`/rpc?token=${TOKEN}`)
        socket.sendBytes(Buffer.concat(Array.from({ length: 200_000 }, () => pong)))
        for (let i = 0; i < 20; i++) {
          bystander.send(JSON.stringify({ _tag: "Request", id: i, tag: "ping", payload: {}, headers: [] }))
          expect(JSON.parse(yield* bystander.next)).toMatchObject({ requestId: i })
        }
        socket.send(JSON.stringify({ _tag: "Request", id: "last", tag: "ping", payload: {}, headers: [] }))
        expect(JSON.parse(yield* socket.next)).toMatchObject({ requestId: "last" })
        expect((yield* ConnectionSupervisor).size()).toBe(2)
      }),
    )
  })
})

describe("RefusalLog", () => {
  const lines: Array<string> = []
  const logger = Logger.make<unknown, void>(({ message }) => void lines.push(String(message)))

  gateway({ limits: { handshakeTimeoutMs: 100, unauthenticatedPerAddress: 2, connections: 10 } }, [logger])((it) => {
    it.effect("The log has one line for each address and reason.", () =>
      Effect.gen(function* () {
        for (let i = 0; i < 3; i++) {
          yield* get("/guarded")
          yield* get("/guarded", "wrong")
          const [late, talking] = [yield* connect("/rpc"), yield* connect("/rpc")]
          expect((yield* Effect.flip(connect("/rpc"))).status).toBe(429)
          talking.send(JSON.stringify({ _tag: "Request", id: 1, tag: "authenticate", payload: {}, headers: [] }))
          expect((yield* talking.closed).code).toBe(4003)
          expect((yield* late.closed).code).toBe(4002)
        }
        const known = yield* Effect.all(Array.from({ length: 10 }, () => connect(`/rpc?token=${TOKEN}`)))
        expect((yield* Effect.flip(connect(`/rpc?token=${TOKEN}`))).status).toBe(503)
        expect(known.length).toBe(10)
        expect(lines.filter((line) => line.startsWith("refused")).sort()).toEqual([
          "refused 127.0.0.1: 401 no credential",
          "refused 127.0.0.1: 429 too many unauthenticated connections from this address",
          "refused 127.0.0.1: 503 the gateway has reached its limit of connections",
          "refused 127.0.0.1: not authenticated in time",
          "refused 127.0.0.1: unauthenticated: missing",
        ])
      }),
    )
  })
})
