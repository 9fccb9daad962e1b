/** HTTP requests that no route takes: a wrong method, a WebSocket path without an upgrade, and an unknown path. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { request as httpRequest } from "node:http"
import { open } from "../../support/JsonRpcClient.ts"
import { connect } from "../../support/TestSocket.ts"
import * as TestGateway from "../../support/TestGateway.ts"

interface Answer {
  readonly status: number
  readonly headers: NodeJS.Dict<string | ReadonlyArray<string>>
  readonly body: string
}

/** The path is sent as it is written; fetch would tidy it up. */
const ask = Effect.fnUntraced(function* (method: string, path: string, headers: Record<string, string> = {}) {
  const { port } = yield* TestGateway.TestGateway
  return yield* Effect.callback<Answer>((resume) => {
    httpRequest({ host: "127.0.0.1", port, path, method, headers }, (response) => {
      let body = ""
      response.setEncoding("utf8").on("data", (chunk) => (body += chunk))
      response.on("end", () =>
        resume(Effect.succeed({ status: response.statusCode ?? 0, headers: response.headers, body })),
      )
    }).end()
  })
})

const ALLOWED: ReadonlyArray<readonly [path: string, allow: string]> = [
  ["/health", "GET, HEAD"],
  ["/readyz", "GET, HEAD"],
  ["/api/status", "GET, HEAD, OPTIONS"],
  ["/api/sessions/a/history", "GET, HEAD, OPTIONS"],
  ["/jsonrpc", "GET, OPTIONS, POST"],
  ["/rpc", "GET"],
  ["/ws", "GET"],
  ["/ws/mission-control", "GET"],
]

describe("FallbackRoute", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect.each(ALLOWED)("A wrong method at %s gets 405 with the methods of the path.", ([path, allow]) =>
      Effect.gen(function* () {
        for (const method of ["PUT", "PATCH", "DELETE"]) {
          const { body, headers, status } = yield* ask(method, path)
          expect([status, headers["allow"]]).toEqual([405, allow])
          expect(JSON.parse(body)).toEqual({ error: `${method} is not allowed here` })
        }
      }),
    )

    it.effect.each(["/ws", "/ws/", "//ws", "/ws?token=x", "/rpc", "/jsonrpc", "/ws/mission-control"])(
      "A request at %s without an upgrade gets 426.",
      (path) =>
        Effect.gen(function* () {
          const { headers, status } = yield* ask("GET", path)
          expect([status, headers["upgrade"]]).toEqual([426, "websocket"])
        }),
    )

    it.effect("An unknown path gets 404 for every method.", () =>
      Effect.gen(function* () {
        for (const method of ["GET", "POST", "OPTIONS", "DELETE"]) {
          expect((yield* ask(method, "/nowhere")).status).toBe(404)
          expect((yield* ask(method, "/api/nowhere")).status).toBe(404)
        }
      }),
    )

    it.effect.each(["/ws/", "//ws", "///ws//", "/jsonrpc/"])("Extra slashes lead to the same wire: %s.", (path) =>
      Effect.gen(function* () {
        const client = yield* open(path)
        expect((yield* client.call("ping")).result).toHaveProperty("at")
      }),
    )
  })
})

describe("BasePath", () => {
  it.layer(TestGateway.layer({ basePath: "/causeway" }), { excludeTestServices: true })((it) => {
    it.effect("All routes are below the base path, and none elsewhere.", () =>
      Effect.gen(function* () {
        expect((yield* ask("GET", "/causeway/health")).status).toBe(200)
        expect((yield* ask("GET", "/causeway/api/status")).status).toBe(401)
        expect((yield* ask("GET", "/causeway/ws")).status).toBe(426)
        expect((yield* ask("PUT", "/causeway/jsonrpc")).status).toBe(405)
        for (const path of ["/causeway", "/causeway/", "//causeway/", "/causeway?a=1"]) {
          expect((yield* ask("GET", path)).body).toContain("/causeway/jsonrpc")
        }
        for (const path of ["/", "/health", "/causewayhealth", "/other/health", "/ws"]) {
          const { body, status } = yield* ask("GET", path)
          expect(status).toBe(404)
          expect(JSON.parse(body)).toEqual({ error: "not found: this gateway is at /causeway/" })
        }
        expect((yield* ask("HEAD", "/health")).body).toBe("")
      }),
    )

    it.effect("All wires are below the base path, and none elsewhere.", () =>
      Effect.gen(function* () {
        const { token, wsUrl } = yield* TestGateway.TestGateway
        for (const path of ["/causeway/ws", "/causeway/jsonrpc", "/causeway//ws/"]) {
          expect((yield* (yield* open(path)).call("ping")).result).toHaveProperty("at")
        }
        for (const path of ["/causeway", "/causeway/", "/causeway/anything"]) {
          expect(yield* (yield* connect(`${wsUrl}${path}`)).next).toContain("connect.challenge")
        }
        const mission = yield* connect(`${wsUrl}/causeway/ws/mission-control?token=${token}`)
        expect(yield* mission.next).toContain("connected")
        for (const path of ["/", "/ws", "/rpc", "/causewayws"]) {
          expect((yield* Effect.flip(connect(`${wsUrl}${path}?token=${token}`))).status).toBe(404)
        }
      }),
    )
  })
})
