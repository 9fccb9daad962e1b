/** ApiRoutes: the rules that every family of HTTP routes gets, shown by a family of an embedding program. */
import { describe, expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as ApiRoutes from "../../../src/transport/http/ApiRoutes.ts"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import * as HttpAuth from "../../../src/transport/http/HttpAuth.ts"
import * as RequestBody from "../../../src/transport/http/RequestBody.ts"
import { READ_TOKEN, stubGateway, TOKEN } from "../../support/StubGateway.ts"

const ORIGIN = "https://dash.example.org"
const json = { "content-type": "application/json" }

const readNote = RequestBody.json(Schema.Struct({ text: Schema.String, more: Schema.optionalKey(Schema.Unknown) }))

const notes = ApiRoutes.layer({
  prefix: "/notes",
  scope: "operator.write",
  bodyBytes: 1_000,
  routes: [
    {
      method: "GET",
      path: "",
      scope: "operator.read",
      handle: ({ caller, query }) =>
        Effect.succeed(HttpServerResponse.jsonUnsafe({ id: caller.principal.id, tag: query.get("tag") })),
    },
    {
      method: "GET",
      path: "/:key",
      handle: ({ params }) => Effect.fail(HttpAuth.problem(404, `no note ${params["key"]}`)),
    },
    {
      method: "PUT",
      path: "/:key",
      handle: (call) => Effect.map(readNote(call), ({ text }) => HttpServerResponse.jsonUnsafe({ text })),
    },
    { method: "DELETE", path: "/:key", handle: () => Effect.die(new Error("a secret of this handler")) },
  ],
})

const logged: Array<string> = []
const log = Logger.make(({ message }) => logged.push(String(message)))

interface Sent {
  readonly method?: string
  readonly token?: string | null
  readonly headers?: Record<string, string>
  readonly body?: string
}

const ask = Effect.fnUntraced(function* (path: string, { body, headers = {}, method = "GET", token = TOKEN }: Sent) {
  const { authority } = yield* ListeningAddress
  const authorization: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` }
  const init = { method, headers: { ...authorization, ...headers }, ...(body !== undefined && { body }) }
  const response = yield* Effect.promise(() => fetch(`http://${authority}${path}`, init))
  const text = yield* Effect.promise(() => response.text())
  const value: unknown = text === "" ? undefined : JSON.parse(text)
  return { status: response.status, headers: response.headers, body: value }
})

const answerOf = (path: string, sent: Sent) => Effect.map(ask(path, sent), ({ body, status }) => [status, body])

describe("ApiRoutes", () => {
  layer(stubGateway({ allowedOrigins: [ORIGIN] }, notes, [log]), { excludeTestServices: true })((it) => {
    it.effect("A handler receives the caller, the names in the path and the query.", () =>
      Effect.gen(function* () {
        expect(yield* answerOf("/notes?tag=a%20b", { token: READ_TOKEN })).toEqual([200, { id: "reader", tag: "a b" }])
        expect(yield* answerOf("/notes/x%20y", {})).toEqual([404, { error: "no note x y" }])
      }),
    )

    it.effect("A request without a valid token gets 401.", () =>
      Effect.gen(function* () {
        expect(yield* answerOf("/notes", { token: null })).toEqual([
          401,
          { error: "missing token: send the header Authorization: Bearer" },
        ])
        expect(yield* answerOf("/notes", { token: "wrong" })).toEqual([401, { error: "wrong token" }])
      }),
    )

    it.effect("A caller without the scope of the family gets 403, unless the route needs another scope.", () =>
      Effect.gen(function* () {
        const refused = [403, { error: "the scope operator.write is needed" }]
        expect(yield* answerOf("/notes/x", { token: READ_TOKEN })).toEqual(refused)
        expect((yield* ask("/notes", { token: READ_TOKEN })).status).toBe(200)
      }),
    )

    it.effect("A method that no route has gets 405 with the methods of the path.", () =>
      Effect.gen(function* () {
        const { headers, status } = yield* ask("/notes/x", { method: "POST" })
        expect([status, headers.get("allow")]).toEqual([405, "DELETE, GET, HEAD, OPTIONS, PUT"])
      }),
    )

    it.effect("A preflight names all methods of the path, and only to pages of allowed origins.", () =>
      Effect.gen(function* () {
        const preflight = (origin: string) => ask("/notes/x", { method: "OPTIONS", token: null, headers: { origin } })
        const { headers, status } = yield* preflight(ORIGIN)
        expect([status, headers.get("access-control-allow-methods")]).toEqual([204, "GET, PUT, DELETE"])
        expect(headers.get("access-control-allow-origin")).toBe(ORIGIN)
        expect(headers.get("access-control-max-age")).toBe("600")
        expect((yield* preflight("https://evil.example")).status).toBe(403)
      }),
    )

    it.effect("A page of an allowed origin can read every response, refusals and bugs included.", () =>
      Effect.gen(function* () {
        const headers = { origin: ORIGIN }
        const responses = [
          yield* ask("/notes", { headers }),
          yield* ask("/notes", { headers, token: null }),
          yield* ask("/notes/x", { headers, method: "DELETE" }),
        ]
        expect(responses.map(({ headers, status }) => [status, headers.get("access-control-allow-origin")])).toEqual([
          [200, ORIGIN],
          [401, ORIGIN],
          [500, ORIGIN],
        ])
      }),
    )

    it.effect("A client that is no page gets no CORS header but Vary.", () =>
      Effect.gen(function* () {
        const { headers } = yield* ask("/notes", {})
        expect([headers.get("access-control-allow-origin"), headers.get("vary")]).toEqual([null, "Origin"])
      }),
    )

    it.effect("A JSON body decodes by its schema.", () =>
      Effect.gen(function* () {
        const put = (body: string, headers: Record<string, string> = json) =>
          ask("/notes/x", { method: "PUT", headers, body })
        expect(yield* put('{"text":"hello"}')).toMatchObject({ status: 200, body: { text: "hello" } })
        expect((yield* put('{"text":"hello"}', { "content-type": "text/plain" })).status).toBe(415)
        expect(yield* put("{")).toMatchObject({ status: 400, body: { error: "the body is not valid JSON" } })
        expect(yield* put("{}")).toMatchObject({ status: 400, body: { error: expect.stringContaining("text") } })
        const deep = `{"text":"","more":${"[".repeat(100)}${"]".repeat(100)}}`
        expect(yield* put(deep)).toMatchObject({ status: 400, body: { error: "the JSON is nested too deep" } })
      }),
    )

    it.effect("A body above the bound of the family gets 413.", () =>
      Effect.gen(function* () {
        const body = JSON.stringify({ text: "x".repeat(1_000) })
        const answer = yield* answerOf("/notes/x", { method: "PUT", headers: json, body })
        expect(answer).toEqual([413, { error: "the body is too big" }])
      }),
    )

    it.effect("A bug in a handler gets 500 without its message, and a line in the log.", () =>
      Effect.gen(function* () {
        logged.length = 0
        expect(yield* answerOf("/notes/x", { method: "DELETE" })).toEqual([500, { error: "internal error" }])
        expect(logged.filter((line) => line.includes("an HTTP route failed"))).toHaveLength(1)
      }),
    )
  })
})
