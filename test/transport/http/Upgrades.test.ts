/** Upgrades: the HTTP requests that become a WebSocket, and the refusals of the others. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { request as httpRequest } from "node:http"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { ConnectionSupervisor } from "../../../src/transport/connection/ConnectionSupervisor.ts"
import { stubGateway, TOKEN } from "../../support/StubGateway.ts"
import { until } from "../../support/Ticks.ts"
import * as TestSocket from "../../support/TestSocket.ts"

const connect = (path: string, headers: Record<string, string> = {}) =>
  Effect.flatMap(ListeningAddress, ({ authority }) => TestSocket.connect(`ws://${authority}${path}`, { headers }))

/** An HTTP request as it is, with all headers given, and the answer to it. */
const ask = (path: string, headers: Record<string, string>) =>
  Effect.flatMap(ListeningAddress, ({ host, port }) =>
    Effect.callback<{ readonly status: number; readonly body: string }>((resume) => {
      httpRequest({ host, port, path, headers }, (response) => {
        let body = ""
        response.setEncoding("utf8").on("data", (chunk) => (body += chunk))
        response.on("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, body })))
      })
        .on("error", (error) => resume(Effect.die(error)))
        .end()
    }),
  )

const handshake = {
  Connection: "Upgrade",
  Upgrade: "websocket",
  "Sec-WebSocket-Version": "13",
  "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}

describe("Upgrades", () => {
  layer(stubGateway({ allowedOrigins: ["https://dash.example.org"] }), { excludeTestServices: true })((it) => {
    it.effect.each(["/", "/nowhere", "/rpcs", "/RPC", "/%72pc"])(
      "An upgrade at %s, where no wire is mounted, gets 404.",
      (path) =>
        Effect.gen(function* () {
          const { body, status } = yield* ask(path, handshake)
          expect({ status, body }).toEqual({ status: 404, body: '{"error":"no WebSocket at this path"}' })
        }),
    )

    it.effect("An upgrade from a foreign page gets 403 before its token is checked.", () =>
      Effect.gen(function* () {
        for (const path of ["/rpc", `/rpc?token=${TOKEN}`, "/rpc?token=wrong"]) {
          const { body, status } = yield* ask(path, { ...handshake, Origin: "https://evil.example" })
          expect({ status, body }).toEqual({ status: 403, body: `{"error":"this page's origin is not allowed"}` })
        }
      }),
    )

    it.effect.each(["http://localhost:5173", "https://dash.example.org"])(
      "An upgrade from a page of %s is accepted.",
      (Origin) =>
        Effect.gen(function* () {
          const socket = yield* connect(`/rpc?token=${TOKEN}`, { Origin })
          expect(socket.isOpen).toBe(true)
        }),
    )

    it.effect.each([
      { name: "no key", headers: { "Sec-WebSocket-Key": "" }, status: 400 },
      { name: "a key of the wrong length", headers: { "Sec-WebSocket-Key": "c2hvcnQ=" }, status: 400 },
      { name: "an unknown version", headers: { "Sec-WebSocket-Version": "7" }, status: 400 },
    ])("An upgrade with $name gets 400 and does not count as a connection.", ({ headers, status }) =>
      Effect.gen(function* () {
        for (let i = 0; i < 40; i++) {
          expect((yield* ask("/rpc", { ...handshake, ...headers })).status).toBe(status)
        }
      }),
    )

    it.effect("An upgrade to another protocol is a plain request.", () =>
      Effect.gen(function* () {
        const { body, status } = yield* ask("/healthz", { Connection: "Upgrade, HTTP2-Settings", Upgrade: "h2c" })
        expect({ status, body }).toEqual({ status: 200, body: '{"ok":true,"status":"live"}' })
      }),
    )

    it.effect("The response to an upgrade never contains its token.", () =>
      Effect.gen(function* () {
        for (const path of ["/nowhere?token=my-secret", "/rpc?token=my-secret"]) {
          expect((yield* ask(path, handshake)).body).not.toContain("my-secret")
        }
      }),
    )
  })
})

describe("Upgrades: whole URL", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("An upgrade that names the whole URL is one to its path.", () =>
      Effect.gen(function* () {
        const { authority } = yield* ListeningAddress
        expect((yield* ask(`http://${authority}/nowhere`, handshake)).status).toBe(404)
        expect((yield* ask(`http://${authority}/rpc?token=wrong`, handshake)).status).toBe(401)
      }),
    )
  })
})

describe("Upgrades: proxies", () => {
  const limits = { unauthenticatedPerAddress: 1 }
  const from = (address: string) => connect("/rpc", { "X-Forwarded-For": address })

  layer(stubGateway({ limits, trustedProxies: ["127.0.0.1"] }), { excludeTestServices: true })((it) => {
    it.effect("Clients behind a trusted proxy count by address, and by /64 network for IPv6.", () =>
      Effect.gen(function* () {
        yield* from("198.51.100.1")
        yield* from("198.51.100.2")
        expect((yield* Effect.flip(from("192.0.2.1, 198.51.100.1"))).status).toBe(429)
        yield* from("2001:db8::1")
        expect((yield* Effect.flip(from("2001:db8::2"))).status).toBe(429)
        const { list } = yield* Connections
        expect(list().map(({ remoteAddress }) => remoteAddress)).toEqual([
          "198.51.100.1",
          "198.51.100.2",
          "2001:db8::1",
        ])
      }),
    )
  })

  layer(stubGateway({ limits }), { excludeTestServices: true })((it) => {
    it.effect("Clients behind an untrusted proxy count as one.", () =>
      Effect.gen(function* () {
        yield* from("198.51.100.1")
        expect((yield* Effect.flip(from("198.51.100.2"))).status).toBe(429)
      }),
    )
  })
})

describe("Upgrades: limits", () => {
  const limits = { unauthenticatedPerAddress: 32, connections: 80, handshakeTimeoutMs: 60_000 }

  layer(stubGateway({ limits }), { excludeTestServices: true })((it) => {
    it.effect(
      "Strangers of one address have few connections, which are free again once they authenticate or leave.",
      () =>
        Effect.gen(function* () {
          const sockets = yield* Effect.all(Array.from({ length: 32 }, () => connect("/rpc")))
          expect((yield* Effect.flip(connect("/rpc"))).status).toBe(429)
          // A client with a credential does not count as a stranger.
          expect((yield* Effect.flip(connect("/rpc?token=wrong"))).status).toBe(401)
          expect((yield* connect(`/rpc?token=${TOKEN}`)).isOpen).toBe(true)
          sockets[0]!.send(JSON.stringify({ _tag: "Request", id: 1, tag: "authenticate", payload: { token: TOKEN } }))
          yield* sockets[0]!.next
          const taken = yield* connect("/rpc")
          expect((yield* Effect.flip(connect("/rpc"))).status).toBe(429)
          // A client that leaves frees its connection, too.
          const { size } = yield* ConnectionSupervisor
          sockets[1]!.cut()
          yield* until(() => size() === 33)
          yield* connect("/rpc")
          expect(taken.isOpen).toBe(true)
        }),
    )
  })

  layer(stubGateway({ limits: { connections: 6 } }), { excludeTestServices: true })((it) => {
    it.effect("Half of the connections is reserved for clients that have authenticated.", () =>
      Effect.gen(function* () {
        yield* Effect.all(Array.from({ length: 3 }, () => connect("/rpc")))
        expect((yield* Effect.flip(connect("/rpc"))).status).toBe(503)
        yield* Effect.all(Array.from({ length: 3 }, () => connect(`/rpc?token=${TOKEN}`)))
        expect((yield* Effect.flip(connect(`/rpc?token=${TOKEN}`))).status).toBe(503)
      }),
    )
  })

  layer(stubGateway({ limits: { connections: 3 } }), { excludeTestServices: true })((it) => {
    it.effect("All clients together have a limit of connections.", () =>
      Effect.gen(function* () {
        const sockets = yield* Effect.all(Array.from({ length: 3 }, () => connect(`/rpc?token=${TOKEN}`)))
        expect((yield* Effect.flip(connect(`/rpc?token=${TOKEN}`))).status).toBe(503)
        sockets[0]!.cut()
        const { size } = yield* ConnectionSupervisor
        yield* until(() => size() === 2)
        yield* connect(`/rpc?token=${TOKEN}`)
        expect((yield* Connections).size()).toBe(3)
      }),
    )
  })
})
