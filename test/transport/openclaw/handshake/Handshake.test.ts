/**
 * Handshake: on real sockets, checked against recordings of the reference gateway. Tests name the differences.
 */
import { describe, expect, it, vi } from "@effect/vitest"
import { HelloOkSchema, validateConnectParams } from "@openclaw/gateway-protocol"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Socket } from "node:net"
import { Value } from "typebox/value"
import { GatewaySettings } from "../../../../src/domain/GatewayConfig.ts"
import { defaultLimits } from "../../../../src/domain/Limits.ts"
import { VERSION } from "../../../../src/domain/Version.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import { openClaw } from "../../../../src/transport/openclaw/OpenClaw.ts"
import connects from "../../../fixtures/openclaw/connects.json" with { type: "json" }
import malformed from "../../../fixtures/openclaw/malformed.json" with { type: "json" }
import recorded from "../../../fixtures/openclaw/refusals.json" with { type: "json" }
import {
  BACKEND,
  connectParams,
  enter,
  enterAs,
  type Frame,
  open,
  type OpenClawClient,
  TestDevice,
} from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import { connect, Refused } from "../../../support/TestSocket.ts"

const limits = { authFailureDelayMs: 1, authFailures: 1_000, handshakeTimeoutMs: 15_000 }
const gateway = TestGateway.layer({ limits })
const strictGateway = TestGateway.layer({ limits, openclaw: { strict: true } })
const real = { excludeTestServices: true } as const

/** Returns the answer to `connect`, if there is one, and the close. */
const ending = Effect.fnUntraced(function* (client: OpenClawClient) {
  const closed = yield* client.socket.closed
  const frames = client.socket.rest.map((text) => JSON.parse(text) as Frame)
  return { error: frames.find(({ type }) => type === "res")?.error, closed, frames: frames.length }
})

const refused = Effect.fnUntraced(function* (params: object) {
  const client = yield* open()
  client.send({ type: "req", id: "r1", method: "connect", params })
  return yield* ending(client)
})

const recording = (name: string) => recorded.find((one) => one.name === name)!

/** Sends the frame of a recording. */
const replay = Effect.fnUntraced(function* (name: string, options: Parameters<typeof open>[1] = {}) {
  const { sent } = recording(name)
  const client = yield* open("/", options)
  const text = typeof sent === "string" ? sent : JSON.stringify(sent)
  // The proof has the time of the recording. The nonce stays wrong.
  client.socket.send(text.replaceAll(/"signedAt":\d+/g, `"signedAt":${Date.now()}`))
  return yield* ending(client)
})

const expectRecorded = (name: string, { closed, error }: Effect.Success<ReturnType<typeof ending>>) => {
  const { close, error: recordedError } = recording(name)
  expect(error).toMatchObject({ ...recordedError })
  expect(closed).toEqual(close)
}

describe("The challenge", () => {
  it.layer(
    gateway,
    real,
  )((it) => {
    it.effect("Every connection gets a challenge of its own, at every path that has no other wire.", () =>
      Effect.gen(function* () {
        const nonces = new Set<string>()
        for (const path of ["/", "/openclaw", "/gw", "/gateway-ws", "/some/path?x=1"]) {
          const { challenge, nonce } = yield* open(path)
          expect(challenge).toMatchObject({ type: "event", event: "connect.challenge", payload: { nonce } })
          expect(Math.abs(challenge.payload.ts - Date.now())).toBeLessThan(5_000)
          nonces.add(nonce)
        }
        expect(nonces.size).toBe(5)
      }),
    )

    it.effect("The challenge leaves with the response to the upgrade, in one write.", () =>
      Effect.gen(function* () {
        const writes = vi.spyOn(Socket.prototype, "_writev")
        yield* Effect.addFinalizer(() => Effect.sync(() => writes.mockRestore()))
        yield* open()
        const texts = writes.mock.calls.map(([chunks]) => chunks.map(({ chunk }) => String(chunk)).join(""))
        expect(
          texts.filter((text) => text.startsWith("HTTP/1.1 101 ") && text.includes("connect.challenge")),
        ).toHaveLength(1)
      }),
    )

    it.effect("GET on the same path is HTTP.", () =>
      Effect.gen(function* () {
        const { url } = yield* TestGateway.TestGateway
        const response = yield* Effect.promise(() => fetch(`${url}/`))
        expect(response.status).not.toBe(426)
        expect((yield* Effect.promise(() => fetch(`${url}/healthz`))).status).toBe(200)
      }),
    )
  })
})

describe("hello-ok", () => {
  it.layer(
    gateway,
    real,
  )((it) => {
    it.effect("`hello-ok` is the first frame after `connect` and matches the published schema.", () =>
      Effect.gen(function* () {
        const { hello } = yield* enter()
        const { position, ...official } = hello
        const { method, ...auth } = official.auth
        const problems = [...Value.Errors(HelloOkSchema, { ...official, auth })]
        expect(problems.map(({ instancePath, message }) => `${instancePath} ${message}`)).toEqual([])
        expect(method).toBe("token")
        expect(position).toMatchObject({ epoch: expect.any(String), seq: expect.any(Number) })
        expect(hello.server).toMatchObject({ version: VERSION, connId: expect.stringMatching(/^c\d+$/) })
        expect(hello.snapshot.authMode).toBe("token")
        expect(hello.features.methods).toContain("chat.send")
        expect(hello.features.methods).not.toContain("connect")
        expect(hello.policy).toEqual({
          maxPayload: 29_360_128,
          maxBufferedBytes: 4_194_304,
          tickIntervalMs: 30_000,
          attachments: { maxBytes: 20_971_520, maxImageBytes: 6_291_456 },
        })
      }),
    )

    it.effect("`hello-ok` has the granted scopes once each, and lists unknown scopes.", () =>
      Effect.gen(function* () {
        const scopes = ["operator.talk.secrets", "operator.read", "operator.read", "operator.future"]
        const { hello } = yield* enter({ scopes })
        expect(hello.auth).toEqual({
          method: "token",
          role: "operator",
          scopes: ["operator.talk.secrets", "operator.read"],
          refusedScopes: ["operator.future"],
        })
      }),
    )

    it.effect("A client that requests no scopes gets none and can only call `health` and `ping`.", () =>
      Effect.gen(function* () {
        const { client, hello } = yield* enter({ scopes: undefined })
        expect(hello.auth.scopes).toEqual([])
        expect(hello.snapshot.presence).toEqual([])
        expect(yield* client.ask("health")).toMatchObject({ ok: true })
        expect(yield* client.ask("sessions.list")).toMatchObject({
          ok: false,
          error: {
            code: "FORBIDDEN",
            message: "missing scope: operator.read",
            details: { code: "MISSING_SCOPE", missingScope: "operator.read", requiredScopes: ["operator.read"] },
          },
        })
      }),
    )

    for (const [min, max, protocol] of [
      [3, 3, 3],
      [3, 4, 4],
      [4, 4, 4],
      [3, 5, 4],
      [1, 9, 4],
    ]) {
      it.effect(`A client of protocols ${min} to ${max} gets protocol ${protocol}.`, () =>
        Effect.gen(function* () {
          const { hello } = yield* enter({ minProtocol: min, maxProtocol: max })
          expect(hello.protocol).toBe(protocol)
        }),
      )
    }

    for (const { name, params } of connects) {
      it.effect(`The recorded connect of ${name} succeeds.`, () =>
        Effect.gen(function* () {
          const client = yield* open()
          const hello = yield* client.connect(params)
          expect(hello).toMatchObject({ ok: true, payload: { auth: { scopes: params.scopes } } })
        }),
      )
    }

    it.effect("Unknown clients, modes and members are accepted.", () =>
      Effect.gen(function* () {
        for (const more of [
          { client: { id: "my-client", version: "1", platform: "linux", mode: "operator", build: 7 } },
          { client: { id: "bare" } },
          { foo: 1, caps: null, auth: { token: TestGateway.TOKEN, password: TestGateway.TOKEN, more: 1 } },
        ]) {
          expect((yield* enter(more)).hello.type).toBe("hello-ok")
        }
      }),
    )

    it.effect("The secret is accepted as token and as password.", () =>
      Effect.gen(function* () {
        expect((yield* enter({ auth: { password: TestGateway.TOKEN } })).hello.auth.method).toBe("token")
        expect((yield* enter({ auth: { token: "", password: TestGateway.TOKEN } })).hello.auth.method).toBe("token")
      }),
    )

    it.effect("Binary frames are accepted.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const params = yield* connectParams()
        client.socket.send(Buffer.from(JSON.stringify({ type: "req", id: "b", method: "connect", params })))
        expect(yield* client.answer("b")).toMatchObject({ ok: true })
      }),
    )

    it.effect("Requests before hello-ok are answered after it and in order.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const params = yield* connectParams()
        client.send({ type: "req", id: "0", method: "connect", params })
        for (let i = 1; i <= 3; i++) client.send({ type: "req", id: String(i), method: "ping" })
        const first = yield* client.next
        expect(first).toMatchObject({ id: "0", payload: { type: "hello-ok" } })
        for (let i = 1; i <= 3; i++) expect(yield* client.answer(String(i))).toMatchObject({ ok: true })
      }),
    )

    it.effect("A node gets no scopes of operators, and ten calls of their methods close its connection.", () =>
      Effect.gen(function* () {
        const node = {
          client: { ...BACKEND, id: "node-host", mode: "node" },
          role: "node",
          scopes: [],
          caps: ["camera"],
        }
        const { client, hello } = yield* enter(node)
        expect(hello.auth).toMatchObject({ role: "node", scopes: [] })
        expect(yield* client.ask("health")).toMatchObject({ ok: true })
        for (let i = 0; i < 10; i++) {
          expect(yield* client.ask("sessions.list")).toMatchObject({
            error: { code: "INVALID_REQUEST", message: "unauthorized role: node" },
          })
        }
        expect(yield* client.socket.closed).toEqual({ code: 1008, reason: "repeated unauthorized calls" })
      }),
    )
  })

  it.layer(
    TestGateway.layer({ auth: "none" }),
    real,
  )((it) => {
    it.effect("Without authentication, the requested scopes still limit the client.", () =>
      Effect.gen(function* () {
        const { client, hello } = yield* enter({ auth: undefined, scopes: ["operator.read"] })
        expect(hello.auth).toMatchObject({ method: "none", scopes: ["operator.read"] })
        expect(hello.snapshot.authMode).toBe("none")
        expect(yield* client.ask("chat.inject", { sessionKey: "main", message: "x" })).toMatchObject({
          error: { message: "missing scope: operator.admin" },
        })
      }),
    )
  })

  it.layer(
    TestGateway.layer({ limits, password: "for-people" }),
    real,
  )((it) => {
    it.effect("The password is accepted on this wire and on /rpc.", () =>
      Effect.gen(function* () {
        expect((yield* enter({ auth: { password: "for-people" } })).hello.auth.method).toBe("password")
        const { wsUrl } = yield* TestGateway.TestGateway
        const native = yield* connect(`${wsUrl}/rpc?token=for-people`)
        expect(native.isOpen).toBe(true)
        const { closed, error } = yield* refused(yield* connectParams({ auth: { password: "wrong" } }))
        expect(error).toMatchObject({
          code: "INVALID_REQUEST",
          message: "unauthorized: gateway password mismatch (provide gateway auth password)",
          details: { code: "AUTH_PASSWORD_MISMATCH", authReason: "password_mismatch" },
        })
        expect(closed).toEqual({ code: 1008, reason: error?.message })
      }),
    )
  })
})

describe("Failed handshakes", () => {
  it.layer(
    gateway,
    real,
  )((it) => {
    for (const name of [
      "err-first-not-connect",
      "err-first-not-req",
      "err-role",
      "err-bad-token",
      "err-no-token",
      "err-device-id",
      "err-device-bad-nonce",
    ]) {
      it.effect(`The recording ${name} fails as recorded.`, () =>
        Effect.map(replay(name), (ended) => expectRecorded(name, ended)),
      )
    }

    it.effect("The recording err-device-stale fails as recorded.", () =>
      Effect.gen(function* () {
        const { sent } = recording("err-device-stale")
        const client = yield* open()
        client.send(sent)
        expectRecorded("err-device-stale", yield* ending(client))
      }),
    )

    it.effect("The recording err-device-bad-sig fails as recorded.", () =>
      Effect.gen(function* () {
        const { params, ...request } = recording("err-device-bad-sig").sent as any
        const client = yield* open()
        const device = { ...params.device, nonce: client.nonce, signedAt: Date.now() }
        client.send({ ...request, params: { ...params, device } })
        expectRecorded("err-device-bad-sig", yield* ending(client))
      }),
    )

    for (const name of ["err-backend-origin", "err-controlui-origin"]) {
      it.effect(`The recording ${name} fails with this gateway's name of the option.`, () =>
        Effect.gen(function* () {
          const { closed, error } = yield* replay(name, { origin: "https://evil.example" })
          const { error: theirs } = recording(name)
          expect(error).toMatchObject({ code: theirs!.code, details: theirs!.details })
          expect(error!.message).toBe(theirs!.message.replace("gateway.controlUi.", ""))
          expect(closed).toEqual({ code: 1008, reason: error!.message })
        }),
      )
    }

    it.effect("The recording err-proto5 fails as recorded, and the error lists protocol 3.", () =>
      Effect.gen(function* () {
        const ended = yield* replay("err-proto5")
        expectRecorded("err-proto5", ended)
        expect(ended.error?.details).toMatchObject({ minimumProtocol: 3 })
        expect((yield* refused(yield* connectParams({ minProtocol: 4, maxProtocol: 3 }))).closed.code).toBe(1002)
      }),
    )

    for (const name of ["err-malformed-json-pre", "err-binary-pre"]) {
      it.effect(`The recording ${name} fails with a reason and another code than 1000.`, () =>
        Effect.gen(function* () {
          const client = yield* open()
          client.socket.send(name === "err-binary-pre" ? Buffer.from([0xff, 0, 0x13]) : "{not json")
          expect(yield* ending(client)).toMatchObject({
            error: undefined,
            closed: { code: 1008, reason: "invalid request frame: malformed JSON" },
          })
        }),
      )
    }

    it.effect("An invalid `connect` fails with the path of the first issue.", () =>
      Effect.gen(function* () {
        for (const [params, issue] of [
          [{}, "at root: must have required property 'minProtocol'"],
          [{ ...(yield* connectParams()), client: { version: "1" } }, "at /client: must have required property 'id'"],
          [{ ...(yield* connectParams()), minProtocol: "4" }, "at /minProtocol: expected number"],
          [[], "at root: expected object"],
        ] as const) {
          const { closed, error } = yield* refused(params)
          expect(error).toEqual({ code: "INVALID_REQUEST", message: `invalid connect params: ${issue}` })
          expect(closed).toEqual({ code: 1008, reason: error?.message })
        }
      }),
    )

    it.effect("A frame that nests too deep and too many frames before hello-ok close the connection.", () =>
      Effect.gen(function* () {
        const deep = yield* open()
        deep.socket.send(`${"[".repeat(100)}${"]".repeat(100)}`)
        expect(yield* deep.socket.closed).toEqual({ code: 1008, reason: "invalid request frame" })
        // Without a socket, because the time until hello-ok is not known.
        const { origin, limits } = {
          origin: { remoteAddress: "", direct: true, originAllowed: true },
          limits: defaultLimits,
        }
        const head = () => ({ epoch: "e", seq: 0 })
        const facts = {
          connectionId: "c1",
          pushes: true,
          subscriptions: { refusal: () => undefined, changed: () => {} },
          now: () => 0,
          head,
          resumeError: () => null,
          present: () => [],
          stopping: false,
          origin,
        }
        const { attachments } = Schema.decodeUnknownSync(GatewaySettings)({})
        const conversation = openClaw({ strict: false, limits, attachments }).converse(facts)
        const request = (method: string, params: object = {}) =>
          JSON.stringify({ type: "req", id: method, method, params })
        conversation.read(request("connect", yield* connectParams()), undefined)
        conversation.authenticated({ id: "connect" }, { id: "o", kind: "token", role: "operator", scopes: [] })
        for (let i = 0; i < 16; i++) expect(conversation.read(request("ping"), undefined)).toEqual([])
        expect(conversation.read(request("ping"), undefined)).toMatchObject([
          { _tag: "Close", code: { code: 1008, reason: "too many pending handshake frames" } },
        ])
      }),
    )

    it.effect("A frame before hello-ok that is too big closes the connection with a reason.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        client.send({ type: "req", id: "x", method: "connect", params: { a: "x".repeat(70_000) } })
        expect(yield* client.socket.closed).toEqual({ code: 1009, reason: "frame too big" })
      }),
    )

    it.effect("A device without a credential learns which one is missing, and a bootstrap token is invalid.", () =>
      Effect.gen(function* () {
        for (const [auth, code] of [
          [{}, "AUTH_TOKEN_MISSING"],
          [{ bootstrapToken: "b" }, "AUTH_BOOTSTRAP_TOKEN_INVALID"],
        ] as const) {
          const client = yield* open()
          const params = yield* connectParams({ auth })
          const device = new TestDevice().prove(params, client.nonce)
          client.send({ type: "req", id: "r1", method: "connect", params: { ...params, device } })
          const { closed, error } = yield* ending(client)
          expect(error?.details.code).toBe(code)
          expect(closed).toEqual({ code: 1008, reason: error?.message })
        }
      }),
    )
  })

  it.layer(
    strictGateway,
    real,
  )((it) => {
    for (const name of ["err-client-id", "err-client-mode", "err-extra-prop"]) {
      it.effect(`In strict mode, the recording ${name} fails as recorded.`, () =>
        Effect.map(replay(name), (ended) => expectRecorded(name, ended)),
      )
    }

    it.effect("In strict mode, exactly the clients of the published schema are accepted.", () =>
      Effect.gen(function* () {
        const params = yield* connectParams()
        for (const more of [
          {},
          { client: { ...BACKEND, version: "" } },
          { client: { ...BACKEND, buildId: "b".repeat(97) } },
          { caps: [""] },
          { scopes: ["any.scope"] },
          { permissions: { a: true } },
          { permissions: { a: 1 } },
          { auth: { token: TestGateway.TOKEN, bogus: 1 } },
          { commands: null },
        ]) {
          const connectFrame = { ...params, ...more }
          const client = yield* open()
          expect([more, (yield* client.connect(connectFrame)).ok]).toEqual([more, validateConnectParams(connectFrame)])
        }
      }),
    )
  })

  it.layer(
    TestGateway.layer({ limits: { ...limits, handshakeTimeoutMs: 300 } }),
    real,
  )((it) => {
    it.effect("A handshake timeout has a reason and another code than 1000.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        expect(yield* client.socket.closed).toEqual({ code: 1008, reason: "handshake timeout" })
      }),
    )
  })

  it.layer(
    TestGateway.layer({ limits: { ...limits, authFailures: 3, authFailureDelayMs: 20 } }),
    real,
  )((it) => {
    it.effect("Each wrong token delays the answer more, and then locks the address out for a known time.", () =>
      Effect.gen(function* () {
        const wrong = yield* connectParams({ auth: { token: "wrong" } })
        const took: Array<number> = []
        for (let i = 0; i < 3; i++) {
          const before = performance.now()
          expect((yield* refused(wrong)).error?.details.code).toBe("AUTH_TOKEN_MISMATCH")
          took.push(performance.now() - before)
        }
        expect(took[2]).toBeGreaterThan(55)
        const { closed, error } = yield* refused(yield* connectParams())
        expect(error).toMatchObject({
          code: "INVALID_REQUEST",
          retryable: true,
          retryAfterMs: expect.any(Number),
          details: { code: "AUTH_RATE_LIMITED", recommendedNextStep: "wait_then_retry" },
        })
        expect(closed.code).toBe(1008)
      }),
    )
  })

  it.layer(
    TestGateway.layer({ limits: { ...limits, unauthenticatedPerAddress: 2 } }),
    real,
  )((it) => {
    it.effect("A connection beyond `unauthenticatedPerAddress` is refused.", () =>
      Effect.gen(function* () {
        const first = yield* open()
        yield* open()
        const { wsUrl } = yield* TestGateway.TestGateway
        expect(yield* Effect.flip(connect(`${wsUrl}/`))).toBeInstanceOf(Refused)
        expect(yield* first.connect(yield* connectParams())).toMatchObject({ ok: true })
        yield* open()
      }),
    )
  })

  it.live("If storage refuses writes, the error says that a retry is worth it.", () =>
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      const device = new TestDevice()
      db.exec("PRAGMA query_only = ON")
      const { answer, client } = yield* enterAs(device)
      db.exec("PRAGMA query_only = OFF")
      expect(answer.error).toMatchObject({ code: "UNAVAILABLE", retryable: true })
      expect(yield* client.socket.closed).toEqual({ code: 1013, reason: answer.error!.message })
      expect((yield* enterAs(device)).answer.ok).toBe(true)
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layerSqlite())),
  )
})

describe("Requests and events after the handshake", () => {
  const answered = Effect.fnUntraced(function* (client: OpenClawClient, sent: unknown) {
    client.socket.send(typeof sent === "string" ? sent : JSON.stringify(sent))
    return yield* client.socket.find((text) => {
      const frame = JSON.parse(text) as Frame
      return frame.type === "res" ? frame : undefined
    })
  })
  const sentAs = (sent: unknown) => JSON.stringify(sent)

  it.layer(
    strictGateway,
    real,
  )((it) => {
    for (const { answer, sent } of malformed.filter(({ answer }) => answer.id !== "r3")) {
      it.effect(`The frame ${sentAs(sent)} has the answer of the reference gateway.`, () =>
        Effect.gen(function* () {
          const { client } = yield* enter()
          expect(yield* answered(client, sent)).toEqual(answer)
        }),
      )
    }
  })

  it.layer(
    gateway,
    real,
  )((it) => {
    it.effect("Frames that are not JSON and unknown members are ignored.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        client.socket.send("{bad", "")
        client.send({ type: "req", id: "x1", method: "health", params: {}, extra: 1, traceparent: "t" })
        expect(yield* client.answer("x1")).toMatchObject({ ok: true })
      }),
    )

    it.effect("A frame that nests too deep gets an error, and the connection stays open.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        client.socket.send(`{"type":"req","id":"d","method":"ping","params":${"[".repeat(100)}${"]".repeat(100)}}`)
        expect((yield* client.answer("invalid")).error?.message).toBe(
          "invalid request frame: the JSON is nested too deep",
        )
        expect(yield* client.ask("ping")).toMatchObject({ ok: true })
      }),
    )

    it.effect("A second request with an id in flight gets an error under another id.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const wait = { type: "req", id: "w", method: "agent.wait", params: { runId: "none", timeoutMs: 10 } }
        client.send({ type: "req", id: "w", method: "agent", params: { message: "/slow 300 a", idempotencyKey: "k1" } })
        expect(yield* client.answer("w")).toMatchObject({ payload: { status: "accepted" } })
        client.send(wait)
        expect(yield* client.answer("invalid")).toMatchObject({ error: { code: "INVALID_REQUEST" } })
        expect(yield* client.answer("w")).toMatchObject({ ok: true, payload: { status: "ok" } })
      }),
    )

    it.effect("For a client of protocol 3, a missing scope is an invalid request.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter({ minProtocol: 3, maxProtocol: 3, scopes: ["operator.read"] })
        expect(yield* client.ask("config.get")).toMatchObject({ ok: true })
        expect(yield* client.ask("chat.send", { sessionKey: "main", message: "x", idempotencyKey: "k" })).toMatchObject(
          {
            error: { code: "INVALID_REQUEST", message: "missing scope: operator.write" },
          },
        )
      }),
    )

    it.effect("Events are numbered from 1 without a gap, and answers have no number.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter({ client: { ...BACKEND, id: "openclaw-control-ui", mode: "webchat" } })
        client.send({ type: "req", id: "s", method: "sessions.subscribe" })
        const params = { message: "count to ten please", idempotencyKey: "k2" }
        client.send({ type: "req", id: "a", method: "agent", params })
        let final = false
        for (let expected = 1; !final; expected++) {
          const frame = yield* client.socket.find((text) => {
            const one = JSON.parse(text) as Frame
            expect(one.type === "event" || one.seq === undefined).toBe(true)
            return one.type === "event" ? one : undefined
          })
          expect(frame.seq).toBe(expected)
          final = frame.event === "chat" && frame.payload.state === "final"
        }
      }),
    )
  })

  it("A client gets `shutdown` before the close of a restart.", () =>
    Effect.gen(function* () {
      const client = yield* enter().pipe(Effect.map(({ client }) => client))
      return client
    })
      .pipe(
        Effect.provide(gateway),
        // The gateway closes before its client.
        Effect.flatMap((client) => Effect.all({ shutdown: client.event("shutdown"), closed: client.socket.closed })),
        Effect.scoped,
        Effect.runPromise,
      )
      .then(({ closed, shutdown }) => {
        expect(shutdown.payload).toMatchObject({ reason: expect.any(String) })
        expect(closed).toEqual({ code: 1012, reason: "service restart" })
      }))
})
