/** Rest: the contract over `POST /api/rpc/<method>`. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { request } from "node:http"
import { localPrincipal } from "../../../src/domain/Principal.ts"
import { Authorized } from "../../../src/domain/Refusal.ts"
import * as Gateway from "../../../src/Gateway.ts"
import type { Run } from "../../../src/domain/Run.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { ask, open, type Sent } from "../../support/HttpRequests.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const ORIGIN = "https://dash.example.org"

/** Calls a method. */
const call = (method: string, payload: object = {}, sent: Sent = {}) =>
  ask(`/api/rpc/${method}`, { body: JSON.stringify(payload), ...sent })

const gateway = TestGateway.layer({ allowedOrigins: [ORIGIN], limits: { authFailureDelayMs: 1 } })

describe("Rest", () => {
  it.layer(gateway, { excludeTestServices: true })((it) => {
    it.effect("A method returns its result as JSON, which no cache keeps.", () =>
      Effect.gen(function* () {
        const created = yield* call("sessions.create", { key: "rest", label: "over HTTP" })
        expect([created.status, created.headers["content-type"]]).toEqual([200, "application/json"])
        expect(created.headers["cache-control"]).toBe("no-store")
        const { json } = yield* call("sessions.get", { key: "rest" })
        expect(json).toMatchObject({ key: "rest", label: "over HTTP" })
      }),
    )

    it.effect("A request without a body has an empty payload.", () =>
      Effect.gen(function* () {
        expect(yield* ask("/api/rpc/ping", { method: "POST" })).toMatchObject({
          status: 200,
          json: { at: expect.any(Number) },
        })
      }),
    )

    it.effect("An error of the method is a problem with the status, the tag and the fields of the error.", () =>
      Effect.gen(function* () {
        const { headers, json, status } = yield* call("sessions.get", { key: "no such session" })
        expect([status, headers["content-type"]]).toEqual([404, "application/problem+json"])
        expect(json).toEqual({
          type: "about:blank",
          title: "Not Found",
          status: 404,
          detail: "Session not found",
          error: { _tag: "SessionNotFound", sessionKey: "no such session" },
        })
      }),
    )

    it.effect("An unknown method gets 404 with a similar name.", () =>
      Effect.gen(function* () {
        const { json, status } = yield* call("sessions.lst")
        expect(status).toBe(404)
        expect(json.detail).toMatch(/^unknown method "sessions.lst". Did you mean "sessions.list"/)
        expect(json.error).toEqual({ _tag: "UnknownMethod", method: "sessions.lst" })
      }),
    )

    it.effect("A payload that does not match the schema gets 400 with the field.", () =>
      Effect.gen(function* () {
        const { json, status } = yield* call("chat.send", { text: 5 })
        expect([status, json.error._tag]).toEqual([400, "InvalidParams"])
        expect(json.detail).toContain("text")
      }),
    )

    it.effect("A repeated idempotency key gets the first run, and a conflict with another text.", () =>
      Effect.gen(function* () {
        const send = (text: string) => call("chat.send", { text, sessionKey: "twice", idempotencyKey: "k1" })
        const first = yield* send("hello")
        expect((yield* send("hello")).json.runId).toBe(first.json.runId)
        const conflict = yield* send("something else")
        expect([conflict.status, conflict.json.error._tag]).toEqual([409, "IdempotencyConflict"])
      }),
    )

    it.effect("A missing token and a wrong one get 401 as a problem.", () =>
      Effect.gen(function* () {
        const missing = yield* call("ping", {}, { token: null })
        expect([missing.status, missing.headers["www-authenticate"]]).toEqual([401, "Bearer"])
        expect(missing.json).toMatchObject({ status: 401, error: { _tag: "Unauthenticated", reason: "missing" } })
        const wrong = yield* call("ping", {}, { token: "wrong" })
        expect(wrong.json).toMatchObject({ status: 401, error: { _tag: "Unauthenticated", reason: "invalid" } })
      }),
    )

    it.effect("GET gets 405 as a problem with the method to use.", () =>
      Effect.gen(function* () {
        const { headers, json, status } = yield* ask("/api/rpc/ping")
        expect([status, headers.allow, json.status]).toEqual([405, "OPTIONS, POST", 405])
      }),
    )

    it.effect("A page of an allowed origin passes the preflight and can read the result.", () =>
      Effect.gen(function* () {
        const preflight = yield* ask("/api/rpc/ping", { method: "OPTIONS", token: null, headers: { origin: ORIGIN } })
        expect([preflight.status, preflight.headers["access-control-allow-methods"]]).toEqual([204, "POST"])
        const answer = yield* call("ping", {}, { headers: { origin: ORIGIN } })
        expect(answer.headers["access-control-allow-origin"]).toBe(ORIGIN)
        expect((yield* call("ping", {}, { headers: { origin: "https://evil.example" } })).status).toBe(403)
      }),
    )

    it.effect("A streaming method returns one value a line.", () =>
      Effect.gen(function* () {
        const { headers, status, text } = yield* call("chat.stream", { text: "hello", sessionKey: "lines" })
        expect([status, headers["content-type"]]).toEqual([200, "application/x-ndjson"])
        const items = text
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line))
        expect(items[0]._tag).toBe("Accepted")
        expect(items.at(-1).event._tag).toBe("RunEnded")
      }),
    )

    it.effect("A streaming method returns one value an event, and a last event, to a client that accepts events.", () =>
      Effect.gen(function* () {
        const sent = { headers: { accept: "text/event-stream" } }
        const { headers, text } = yield* call("chat.stream", { text: "hello", sessionKey: "events" }, sent)
        expect(headers["content-type"]).toBe("text/event-stream")
        const events = text.trimEnd().split("\n\n")
        expect(events[0]).toMatch(/^data: \{"_tag":"Accepted"/)
        expect(events.at(-1)).toBe("event: end\ndata: {}")
      }),
    )

    it.effect("A stream that fails before its first value gets the status of the error.", () =>
      Effect.gen(function* () {
        const { json, status } = yield* call("chat.stream", { text: "hello", agentId: "nobody" })
        expect([status, json.error]).toEqual([404, { _tag: "AgentNotFound", agentId: "nobody" }])
      }),
    )

    it.effect("A method refuses a client that does not take its media type.", () =>
      Effect.gen(function* () {
        expect((yield* call("ping", {}, { headers: { accept: "text/html" } })).status).toBe(406)
        const stream = yield* call("chat.stream", { text: "hello" }, { headers: { accept: "application/json" } })
        expect(stream.json.detail).toContain("application/x-ndjson or text/event-stream")
      }),
    )

    it.effect("The values of a stream arrive as they happen. A client that leaves does not end the run.", () =>
      Effect.gen(function* () {
        const runs = yield* Runs
        const response = yield* open("/api/rpc/chat.stream", {
          body: JSON.stringify({ text: "/slow 300 one two", sessionKey: "left", idempotencyKey: "left" }),
        })
        yield* response.until((text) => text.includes('"RunStarted"'))
        response.leave()
        const run: Run = yield* runs.wait("left", 10_000)
        expect(run.state).toBe("done")
      }).pipe(Effect.scoped),
    )
  })

  it.live("A client that leaves interrupts its call.", () =>
    Effect.gen(function* () {
      const started = yield* Deferred.make<void>()
      const interrupted = yield* Deferred.make<void>()
      /** Reports a waiting call, and its interruption. */
      const watching = Layer.effect(
        Authorized,
        Effect.map(Authorized, (authorize) =>
          Authorized.of((effect, options) => {
            if (options.rpc._tag !== "runs.wait") return authorize(effect, options)
            Deferred.doneUnsafe(started, Effect.void)
            return Effect.onInterrupt(authorize(effect, options), () => Deferred.succeed(interrupted, undefined))
          }),
        ),
      )
      yield* Effect.gen(function* () {
        const runs = yield* Runs
        const { runId } = yield* runs.accept({ text: "/slow 10000 hello", sessionKey: "waits" }, localPrincipal)
        const { port } = yield* TestGateway.TestGateway
        const outgoing = request({
          port,
          path: "/api/rpc/runs.wait",
          method: "POST",
          headers: { authorization: `Bearer ${TestGateway.TOKEN}`, "content-type": "application/json" },
        })
        outgoing.on("error", () => {})
        outgoing.end(JSON.stringify({ runId }))
        yield* Deferred.await(started)
        outgoing.destroy()
        yield* Deferred.await(interrupted)
      }).pipe(Effect.provide(TestGateway.layer({ routes: Layer.provide(Gateway.parts.routes, watching) })))
    }),
  )
})
