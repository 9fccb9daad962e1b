/** TlsCertificate: the port with TLS, and a certificate that changes while clients are connected. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { connect as connectTcp } from "node:net"
import { request } from "node:https"
import { connect, type TLSSocket } from "node:tls"
import { connect as connectClient } from "../../../src/client/Gateway.ts"
import { GatewayClient } from "../../../src/client/GatewayClient.ts"
import { fingerprintOfFile } from "../../../src/client/Fingerprint.ts"
import * as PinnedWebSocket from "../../../src/client/PinnedWebSocket.ts"
import { TlsCertificate } from "../../../src/transport/http/TlsCertificate.ts"
import * as Certificates from "../../support/Certificates.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** Opens a TLS connection, or fails with its error code. */
const open = Effect.fnUntraced(function* (options: object = {}) {
  const { port } = yield* TestGateway.TestGateway
  return yield* Effect.acquireRelease(
    Effect.callback<TLSSocket, string>((resume) => {
      const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ...options })
      socket.on("error", (error: NodeJS.ErrnoException) => resume(Effect.fail(error.code ?? "unknown")))
      socket.once("secureConnect", () => resume(Effect.succeed(socket)))
    }),
    (socket) => Effect.sync(() => socket.destroy()),
  )
})

const commonName = Effect.scoped(Effect.map(open(), (socket) => socket.getPeerCertificate().subject.CN))

const get = Effect.fnUntraced(function* (path: string) {
  const { port } = yield* TestGateway.TestGateway
  return yield* Effect.callback<{ status: number; headers: NodeJS.Dict<string | Array<string>> }>((resume) => {
    const outgoing = request({ host: "127.0.0.1", port, path, rejectUnauthorized: false, agent: false }, (response) => {
      response.resume()
      response.on("end", () => resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers })))
    })
    outgoing.end()
  })
})

/** A gateway with the files of a certificate, which a test may replace. */
const gateway = (options: TestGateway.TestGatewayOptions = {}) =>
  Effect.map(temporaryFolder, (folder) => {
    const files = Certificates.install(folder, "first")
    return { folder, layer: TestGateway.layer({ ...options, tls: { ...files, ...options.tls } }) }
  })

const fingerprintOf = (name: Certificates.Name) => fingerprintOfFile(Certificates.certFile(name))!

/** A typed client over TLS that knows the certificate by its fingerprint. */
const client = (name: Certificates.Name) =>
  Layer.unwrap(
    Effect.map(TestGateway.TestGateway, ({ port, token }) =>
      GatewayClient.layerNoDeps({ url: `wss://127.0.0.1:${port}`, token }).pipe(
        Layer.provide(PinnedWebSocket.layer(fingerprintOf(name))),
      ),
    ),
  )

describe("TlsCertificate", () => {
  it.live("A program with promises knows the gateway by its certificate, and sends no token to another one.", () =>
    Effect.gen(function* () {
      const { layer } = yield* gateway()
      yield* Effect.gen(function* () {
        const { port, token } = yield* TestGateway.TestGateway
        const connected = (name: Certificates.Name) =>
          Effect.acquireRelease(
            Effect.sync(() =>
              connectClient({
                url: `wss://127.0.0.1:${port}`,
                token,
                webSocket: PinnedWebSocket.make(fingerprintOf(name)),
              }),
            ),
            (client) => Effect.promise(client.close),
          )
        const client = yield* connected("first")
        expect(yield* Effect.promise(() => client.call("ping"))).toMatchObject({ at: expect.any(Number) })
        const other = yield* connected("second")
        const reason = yield* Effect.callback<string | undefined>((resume) => {
          other.onState((state) => state._tag === "Waiting" && resume(Effect.succeed(state.code)))
        })
        expect(reason).toBe("CERT_FINGERPRINT_DIFFERS")
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.scoped),
  )

  it.live("The port serves HTTPS and WebSockets with the security headers, and no plain HTTP.", () =>
    Effect.gen(function* () {
      const { layer } = yield* gateway()
      yield* Effect.gen(function* () {
        const { headers, status } = yield* get("/health")
        expect(status).toBe(200)
        expect(headers).toMatchObject({
          "x-content-type-options": "nosniff",
          "referrer-policy": "no-referrer",
          "strict-transport-security": "max-age=31536000",
        })
        const { calls, connected } = yield* GatewayClient
        yield* connected
        expect(yield* calls.ping({})).toMatchObject({ at: expect.any(Number) })
        const { port } = yield* TestGateway.TestGateway
        const plain = yield* Effect.callback<string>((resume) => {
          let text = ""
          const socket = connectTcp(port, "127.0.0.1").on("data", (part) => (text += part.toString("latin1")))
          socket.on("error", () => {})
          socket.on("close", () => resume(Effect.succeed(text)))
          socket.write("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
        })
        expect(plain).not.toContain("200")
      }).pipe(Effect.provide(Layer.provideMerge(client("first"), layer)))
    }).pipe(Effect.scoped),
  )

  it.live("A replaced certificate comes into force within the interval, and connections stay open.", () =>
    Effect.gen(function* () {
      const { folder, layer } = yield* gateway({ monitorIntervalMs: 20 })
      yield* Effect.gen(function* () {
        const { calls, connected } = yield* GatewayClient
        yield* connected
        expect(yield* commonName).toBe("causeway test first")
        Certificates.install(folder, "second")
        yield* Effect.repeat(commonName, { until: (name) => name === "causeway test second" })
        expect(yield* calls.ping({})).toMatchObject({ at: expect.any(Number) })
      }).pipe(Effect.provide(Layer.provideMerge(client("first"), layer)))
    }).pipe(Effect.scoped),
  )

  it.live("A key of another certificate leaves the old pair in force. A correct pair then replaces it.", () =>
    Effect.gen(function* () {
      const { folder, layer } = yield* gateway({ logLevel: "fatal" })
      yield* Effect.gen(function* () {
        const certificate = yield* TlsCertificate
        Certificates.install(folder, "second", "first")
        yield* certificate.reload
        expect(yield* commonName).toBe("causeway test first")
        Certificates.install(folder, "second")
        yield* certificate.reload
        expect(yield* commonName).toBe("causeway test second")
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.scoped),
  )

  it.live("A start with a bad pair, or with one file only, fails with the next step.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const files = Certificates.install(folder, "second", "first")
      for (const tls of [files, { cert: files.cert }, { key: files.key }, { ...files, cert: "/no/such/file" }]) {
        const exit = yield* Effect.exit(Effect.scoped(Layer.build(TestGateway.layer({ tls }))))
        const error = Exit.findErrorOption(exit)
        expect(error._tag).toBe("Some")
        expect(String(error._tag === "Some" && error.value.message)).toMatch(/tls\.|TLS certificate/)
      }
    }).pipe(Effect.scoped),
  )

  it.live("A client with an older version of TLS than the option allows gets no connection.", () =>
    Effect.gen(function* () {
      const { layer } = yield* gateway({ logLevel: "fatal", tls: { minVersion: "TLSv1.3" } })
      yield* Effect.gen(function* () {
        expect(yield* Effect.flip(Effect.scoped(open({ maxVersion: "TLSv1.2" })))).toMatch(
          /PROTOCOL_VERSION|ECONNRESET/,
        )
        expect((yield* get("/health")).status).toBe(200)
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.scoped),
  )

  it.live("A client that knows another fingerprint sends nothing to the gateway.", () =>
    Effect.gen(function* () {
      const { layer } = yield* gateway()
      yield* Effect.gen(function* () {
        const { state } = yield* GatewayClient
        yield* Effect.callback<void>((resume) => {
          const look = () => (state.current._tag === "Waiting" ? resume(Effect.void) : void setImmediate(look))
          look()
        })
        expect(state.current).toMatchObject({ _tag: "Waiting", code: "CERT_FINGERPRINT_DIFFERS" })
      }).pipe(Effect.provide(Layer.provideMerge(client("second"), layer)))
    }).pipe(Effect.scoped),
  )

  it.live("TLS connections that have ended or authenticated do not count towards the limit of an address.", () =>
    Effect.gen(function* () {
      const { layer } = yield* gateway({ limits: { tcpPerAddress: 2 } })
      yield* Effect.gen(function* () {
        for (let i = 0; i < 6; i++) expect((yield* get("/health")).status).toBe(200)
      }).pipe(Effect.provide(layer))
    }).pipe(Effect.scoped),
  )
})
