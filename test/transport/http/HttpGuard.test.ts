/**
 * Pages of other sites in a browser of this machine: what they send is refused before authentication, and takes nothing
 * from the programs at the same address.
 */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { mkdirSync, writeFileSync } from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import * as Layer from "effect/Layer"
import { Logs } from "../../../src/services/logs/Logs.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import * as OpenClaw from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

const EVIL = "https://evil.example"
const FOREIGN = `{"error":"this page's origin is not allowed"}`

const image = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image" }
const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document" }

/** Sends a request as a browser would. */
const ask = (path: string, headers: Record<string, string>, method = "GET", body = "") =>
  Effect.flatMap(TestGateway.TestGateway, ({ port }) =>
    Effect.callback<{ readonly status: number; readonly connection: string | undefined; readonly body: string }>(
      (resume) => {
        const sent = request({ host: "127.0.0.1", port, path, method, headers, agent: false }, (response) => {
          let text = ""
          response.setEncoding("utf8").on("data", (part) => (text += part))
          response.on("end", () => {
            const { connection } = response.headers
            resume(Effect.succeed({ status: response.statusCode ?? 0, connection, body: text }))
          })
        })
        sent.on("error", (error) => resume(Effect.die(error)))
        sent.end(body)
      },
    ),
  )

const gateway = (options: TestGateway.TestGatewayOptions = {}) =>
  layer(TestGateway.layer({ logLevel: "warn", ...options }), { excludeTestServices: true })

const warnings = Effect.map(Logs, ({ tail }) => tail({ limit: 1_000, level: "warn" }).entries.map((e) => e.message))

describe("HttpGuard: foreign page", () => {
  gateway({ limits: { authFailures: 2, authFailureDelayMs: 0 } })((it) => {
    it.effect("A foreign page that guesses tokens locks out no client.", () =>
      Effect.gen(function* () {
        for (let i = 0; i < 12; i++) {
          const guess = yield* ask("/api/status?token=x", image)
          expect(guess).toEqual({ status: 403, connection: "close", body: FOREIGN })
          expect((yield* ask("/api/status?token=x", { origin: EVIL })).status).toBe(403)
          expect((yield* ask("/api/status?token=x", link)).status).toBe(403)
          expect((yield* ask("/jsonrpc?token=x", { origin: EVIL }, "POST", "{}")).status).toBe(403)
          const { wsUrl } = yield* TestGateway.TestGateway
          for (const path of ["/rpc", "/jsonrpc", "/ws", "/ws/mission-control"]) {
            const refused = yield* Effect.flip(TestSocket.connect(`${wsUrl}${path}?token=x`, { origin: EVIL }))
            expect(refused.status).toBe(403)
          }
        }
        const right = { authorization: `Bearer ${TestGateway.TOKEN}` }
        expect((yield* ask("/api/status", right)).status).toBe(200)
        expect((yield* OpenClaw.enter()).client.socket.isOpen).toBe(true)
      }),
    )

    it.effect("A foreign page leaves one line in the log, however often it tries.", () =>
      Effect.gen(function* () {
        for (let i = 0; i < 20; i++) yield* ask("/healthz", { origin: "https://other.example" })
        const lines = (yield* warnings).filter((line) => line.includes("origin is not allowed"))
        expect(lines).toEqual(["refused 127.0.0.1: this page's origin is not allowed cross-site"])
      }),
    )
  })

  gateway({ limits: { unauthenticatedPerAddress: 4, connections: 8 } })((it) => {
    it.effect(
      "Foreign pages do not count against programs at their address, and a few learn why they are refused.",
      () =>
        Effect.gen(function* () {
          const { wsUrl } = yield* TestGateway.TestGateway
          const tries = Array.from({ length: 40 }, () => Effect.result(TestSocket.connect(wsUrl, { origin: EVIL })))
          const sockets = yield* Effect.all(tries, { concurrency: 40 })
          const held = sockets.filter(({ _tag }) => _tag === "Success")
          expect(held).toHaveLength(8)
          const client = yield* OpenClaw.open()
          expect((yield* client.connect(yield* OpenClaw.connectParams())).ok).toBe(true)
          yield* TestSocket.connect(`${wsUrl}/rpc?token=${TestGateway.TOKEN}`)
        }),
    )
  })

  gateway()((it) => {
    it.effect(
      "A foreign page that speaks OpenClaw learns that its origin is not allowed, and the log has a line.",
      () =>
        Effect.gen(function* () {
          const client = yield* OpenClaw.open("/", { origin: EVIL })
          const { error } = yield* client.connect(yield* OpenClaw.connectParams())
          expect(error?.details.code).toBe("CONTROL_UI_ORIGIN_NOT_ALLOWED")
          expect((yield* client.socket.closed).code).toBe(1008)
          expect(yield* warnings).toContainEqual(`refused 127.0.0.1: this page's origin is not allowed ${EVIL}`)
        }),
    )

    it.effect("A foreign page is refused on every route, public ones included.", () =>
      Effect.gen(function* () {
        for (const path of ["/", "/healthz", "/ready", "/nowhere", "/api/status", "/control-ui-config.json"]) {
          expect(yield* ask(path, image), path).toMatchObject({ status: 403, body: FOREIGN })
          expect(yield* ask(path, { origin: "null" }), path).toMatchObject({ status: 403, body: FOREIGN })
        }
      }),
    )
  })
})

describe("HttpGuard: navigation", () => {
  const withUi = Layer.unwrap(
    Effect.map(temporaryFolder, (controlUiDir) => {
      mkdirSync(join(controlUiDir, "assets"))
      writeFileSync(join(controlUiDir, "index.html"), "<!doctype html>")
      return TestGateway.layer({ controlUiDir })
    }),
  )

  layer(withUi, { excludeTestServices: true })((it) => {
    it.effect.each(["/", "/chat", "/healthz"])("A link to %s opens in a tab, but not in a frame.", (path) =>
      Effect.gen(function* () {
        const accept = { accept: "text/html" }
        expect((yield* ask(path, { ...link, ...accept })).status).toBe(200)
        expect((yield* ask(path, { ...link, ...accept, "sec-fetch-dest": "iframe" })).status).toBe(403)
      }),
    )
  })
})

describe("HttpGuard: allowed page", () => {
  gateway({ allowedOrigins: ["chrome-extension://abcdefghijklmnop"] })((it) => {
    it.effect("The page of an allowed extension gets in, and that of another does not.", () =>
      Effect.gen(function* () {
        const { wsUrl } = yield* TestGateway.TestGateway
        const url = `${wsUrl}/rpc?token=${TestGateway.TOKEN}`
        const origin = "chrome-extension://abcdefghijklmnop"
        expect((yield* TestSocket.connect(url, { origin })).isOpen).toBe(true)
        const other = yield* Effect.flip(TestSocket.connect(url, { origin: "chrome-extension://ponmlkjihgfedcba" }))
        expect(other.status).toBe(403)
      }),
    )
  })
})
