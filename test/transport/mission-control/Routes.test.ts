/** Routes: the HTTP routes of Mission Control, for scripts and pages. */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { request } from "node:http"
import { join } from "node:path"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import * as Gateway from "../../support/TestGateway.ts"

const time = expect.any(Number)

const gateway = (options: Gateway.TestGatewayOptions = {}) =>
  layer(Gateway.layer(options), { excludeTestServices: true })

interface RequestOptions {
  readonly method?: string
  readonly token?: string | null
  readonly headers?: Readonly<Record<string, string>>
}

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | ReadonlyArray<string> | undefined>>
  readonly body: any
}

/** Sends a request with Node's own client, because `fetch` does not let a test set the origin. */
const ask = Effect.fnUntraced(function* (path: string, { headers = {}, method = "GET", token }: RequestOptions = {}) {
  const { port, token: right } = yield* Gateway.TestGateway
  const bearer = token === undefined ? right : token
  return yield* Effect.callback<Answer>((resume) => {
    const sent = request(
      {
        host: "127.0.0.1",
        port,
        path,
        method,
        headers: { ...(bearer !== null && { authorization: `Bearer ${bearer}` }), ...headers },
      },
      (response) => {
        let text = ""
        response.setEncoding("utf8").on("data", (part) => (text += part))
        response.on("end", () =>
          resume(
            Effect.succeed({
              status: response.statusCode ?? 0,
              headers: response.headers,
              body: text === "" ? undefined : JSON.parse(text),
            }),
          ),
        )
      },
    )
    sent.on("error", (error) => resume(Effect.die(error)))
    sent.end()
  })
})

const paths = ["/api/sessions", "/api/sessions/x/history", "/api/status", "/api/files", "/api/tasks", "/api/memories"]

gateway()("Routes", (it) => {
  it.effect("`/api/sessions` returns the sessions.", () =>
    Effect.gen(function* () {
      yield* (yield* Sessions).create({ key: "agent:main:subagent:abc", displayName: "Sage", label: "Sage: Research" })
      const { body, headers, status } = yield* ask("/api/sessions")
      expect(status).toBe(200)
      expect(headers["content-type"]).toMatch(/^application\/json/)
      expect(headers["cache-control"]).toBe("no-store")
      expect(body).toEqual({
        sessions: [
          {
            key: "agent:main:subagent:abc",
            kind: "session",
            displayName: "Sage",
            label: "Sage: Research",
            updatedAt: time,
            model: null,
            contextTokens: 0,
            totalTokens: 0,
            parentKey: null,
          },
        ],
      })
    }),
  )

  it.effect("The history of a session has as many messages as the query requests.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const key = "agent:main:telegram:a/b c"
      for (let i = 0; i < 60; i++) yield* runs.inject({ sessionKey: key, text: `m${i}`, role: "user" })
      const history = (query: string) =>
        Effect.map(ask(`/api/sessions/${encodeURIComponent(key)}/history${query}`), ({ body }) =>
          body.messages.map(({ content }: { readonly content: string }) => content),
        )
      expect(yield* history("?limit=2")).toEqual(["m58", "m59"])
      expect(yield* history("")).toHaveLength(50)
      expect(yield* history("?limit=55")).toHaveLength(55)
      for (const limit of ["0", "-1", "x", "", "NaN", "1e999"]) {
        expect(yield* history(`?limit=${limit}`)).toHaveLength(limit === "1e999" ? 60 : 50)
      }
      const { body } = yield* ask(`/api/sessions/${encodeURIComponent(key)}/history?limit=1`)
      expect(body).toEqual({
        messages: [{ id: time, role: "user", content: "m59", timestamp: time }],
      })
      // A colon in a path needs no escape.
      yield* runs.inject({ sessionKey: "agent:main:plain", text: "hello", role: "user" })
      expect((yield* ask("/api/sessions/agent:main:plain/history")).body.messages).toHaveLength(1)
    }),
  )

  it.effect("The history of a missing session is 404, and of an invalid key 400.", () =>
    Effect.gen(function* () {
      const missing = yield* ask("/api/sessions/nobody/history")
      expect([missing.status, missing.body]).toEqual([404, { error: "Failed to get session history" }])
      const wrong = yield* ask(`/api/sessions/${"x".repeat(300)}/history`)
      expect([wrong.status, wrong.body]).toEqual([400, { error: "Failed to get session history" }])
    }),
  )

  it.effect("The history of a session with the longest key has its messages.", () =>
    Effect.gen(function* () {
      const key = "€".repeat(256)
      yield* (yield* Runs).inject({ sessionKey: key, text: "hello", role: "user" })
      const { body, status } = yield* ask(`/api/sessions/${encodeURIComponent(key)}/history`)
      expect([status, body.messages.length]).toEqual([200, 1])
    }),
  )

  it.effect("An unknown path is 404, and another method is 405.", () =>
    Effect.gen(function* () {
      for (const [path, method] of [
        ["/api/weather", "GET"],
        ["/api/sessions/x", "GET"],
        ["/api/weather", "POST"],
      ] as const) {
        const { body, status } = yield* ask(path, { method })
        expect([status, body]).toEqual([404, { error: "not found" }])
      }
      const { body, status } = yield* ask("/api/sessions", { method: "POST" })
      expect([status, body]).toEqual([405, { error: "POST is not allowed here" }])
    }),
  )

  it.effect("`/api/status` returns the health.", () =>
    Effect.gen(function* () {
      const { body, status } = yield* ask("/api/status")
      expect([status, body]).toEqual([200, { status: "healthy", uptime: time, version: expect.any(String) }])
    }),
  )

  it.effect("`/api/files`, `/api/tasks` and `/api/memories` return the documents and their parts.", () =>
    Effect.gen(function* () {
      const { stateDir } = yield* Gateway.TestGateway
      Fs.writeFileSync(join(stateDir, "memory/2026-02-22.md"), "## Plan\nTags: a, b\n- [x] HIGH go\n")
      const { body: files } = yield* ask("/api/files")
      const { body: tasks } = yield* ask("/api/tasks")
      const { body: memories } = yield* ask("/api/memories")
      expect(tasks).toMatchObject({ tasks: [{ title: "HIGH go", status: "done", priority: "high" }] })
      expect(memories).toMatchObject({ memories: [{ title: "Plan", tags: ["a", "b"], content: "- [x] HIGH go" }] })
      expect(files).toEqual({
        files: [
          {
            id: "2026-02-22",
            date: "2026-02-22",
            content: "## Plan\nTags: a, b\n- [x] HIGH go\n",
            lastModified: time,
            ...tasks,
            ...memories,
          },
        ],
      })
    }),
  )

  it.effect("A route answers HEAD and the absolute form of the URL.", () =>
    Effect.gen(function* () {
      for (const path of ["/api/sessions", "http://gateway:99999/api/sessions?limit=1"]) {
        expect((yield* ask(path)).status).toBe(200)
        const head = yield* ask(path, { method: "HEAD" })
        expect([head.status, head.body]).toEqual([200, undefined])
      }
    }),
  )

  it.effect("A token in the query does not count, because addresses get into logs.", () =>
    Effect.gen(function* () {
      const { status } = yield* ask(`/api/status?token=${Gateway.TOKEN}`, { token: null })
      expect(status).toBe(401)
    }),
  )
})

gateway({ allowedOrigins: ["https://dash.example.org"], limits: { authFailureDelayMs: 0, authFailures: 1_000 } })(
  "Routes, access",
  (it) => {
    for (const path of paths) {
      it.effect(`The route ${path} requires the token.`, () =>
        Effect.gen(function* () {
          const none = yield* ask(path, { token: null })
          expect([none.status, none.body]).toEqual([
            401,
            { error: "missing token: send the header Authorization: Bearer" },
          ])
          expect(none.headers["www-authenticate"]).toBe("Bearer")
          const wrong = yield* ask(path, { token: "wrong" })
          expect([wrong.status, wrong.body]).toEqual([401, { error: "wrong token" }])
        }),
      )

      it.effect(`The route ${path} refuses a page of another site.`, () =>
        Effect.gen(function* () {
          const headers = { origin: "https://evil.example" }
          const get = yield* ask(path, { headers })
          expect([get.status, get.body]).toEqual([403, { error: "this page's origin is not allowed" }])
          expect(get.headers["access-control-allow-origin"]).toBeUndefined()
          const preflight = yield* ask(path, { headers, method: "OPTIONS", token: null })
          expect(preflight.status).toBe(403)
          expect(preflight.headers["access-control-allow-origin"]).toBeUndefined()
        }),
      )

      it.effect(`The route ${path} answers a page of an allowed origin.`, () =>
        Effect.gen(function* () {
          const origin = "https://dash.example.org"
          const preflight = yield* ask(path, {
            method: "OPTIONS",
            token: null,
            headers: {
              origin,
              "access-control-request-method": "GET",
              "access-control-request-headers": "authorization",
            },
          })
          expect(preflight.status).toBe(204)
          expect(preflight.headers).toMatchObject({
            "access-control-allow-origin": origin,
            "access-control-allow-methods": "GET",
            "access-control-allow-headers": expect.stringContaining("authorization"),
            vary: "Origin",
          })
          const get = yield* ask(path, { headers: { origin } })
          expect(get.headers).toMatchObject({ "access-control-allow-origin": origin, vary: "Origin" })
          // A page must be able to read the reason of a refusal.
          const refused = yield* ask(path, { headers: { origin }, token: null })
          expect(refused.status).toBe(401)
          expect(refused.headers["access-control-allow-origin"]).toBe(origin)
        }),
      )
    }
  },
)

gateway({ limits: { authFailureDelayMs: 0, authFailures: 1 }, trustedProxies: ["127.0.0.1"] })(
  "Routes, lockout",
  (it) => {
    it.effect(
      "A locked address gets 429 even with the right token, and other addresses behind the same proxy do not.",
      () =>
        Effect.gen(function* () {
          const headers = { "x-forwarded-for": "198.51.100.1" }
          expect((yield* ask("/api/status", { token: "wrong", headers })).status).toBe(401)
          const locked = yield* ask("/api/status", { headers })
          expect([locked.status, locked.body]).toEqual([429, { error: "too many wrong tokens from this address" }])
          expect(Number(locked.headers["retry-after"])).toBeGreaterThan(0)
          const upgrade = {
            ...headers,
            connection: "Upgrade",
            upgrade: "websocket",
            "sec-websocket-version": "13",
            "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
          }
          const socket = yield* ask(`/rpc?token=${Gateway.TOKEN}`, { token: null, headers: upgrade })
          expect([socket.status, socket.body]).toEqual([429, { error: "too many wrong tokens from this address" }])
          expect(Number(socket.headers["retry-after"])).toBeGreaterThan(0)
          expect((yield* ask("/api/status", { headers: { "x-forwarded-for": "198.51.100.2" } })).status).toBe(200)
        }),
    )
  },
)

gateway({ auth: "none" })("Routes, DNS rebinding", (it) => {
  it.effect("A gateway without authentication refuses requests with another host, although they have no origin.", () =>
    Effect.gen(function* () {
      for (const path of paths) {
        const { body, status } = yield* ask(path, { headers: { host: "evil.example:18789" } })
        expect([status, body]).toEqual([403, { error: "this page's origin is not allowed" }])
      }
    }),
  )
})
