/**
 * MissionControl: a test follows the setup guide for users of Mission Control line by line, with its path, its messages
 * and both ways to try them. As in the guide, the gateway requires no token.
 */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const PATH = "/ws"

const time = expect.any(Number)

layer(Gateway.layer({ auth: "none", monitorIntervalMs: 20 }), { excludeTestServices: true })(
  "MissionControl setup guide",
  (it) => {
    it.effect("Connection: a client that waits gets the greeting.", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.connect({ path: PATH, token: null })
        expect(yield* client.next).toMatchObject({
          type: "connected",
          payload: {
            clientId: expect.stringMatching(/^client-\d+-[0-9a-z]{9}$/),
            message: "Connected to OpenClaw Gateway",
          },
        })
      }),
    )

    it.effect("Testing with websocat: messages that are typed at once get their answers after the greeting.", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.connect({ path: PATH, token: null })
        client.send('{"type":"subscribe","channels":["sessions"]}')
        client.send('{"type":"request","resource":"sessions"}')
        expect((yield* client.take(4)).map(({ type }) => type)).toEqual([
          "connected",
          "subscribed",
          "sessions",
          "sessions",
        ])
      }),
    )

    it.effect("Client to server, server to client: every message has its answer.", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        const stackSmith = { kind: "subagent", displayName: "StackSmith", label: "StackSmith: Building API" }
        yield* sessions.create({ key: "agent:main:subagent:abc123", ...stackSmith, model: "kimi-k2.5" })
        const client = yield* MissionClient.connect({ path: PATH, token: null })

        client.send(`{
  "type": "subscribe",
  "channels": ["sessions", "memory", "logs"]
}`)
        expect(yield* client.take(5)).toMatchObject([
          { type: "connected" },
          { type: "subscribed", payload: { channels: ["sessions", "memory", "logs"] } },
          {
            type: "sessions",
            payload: {
              sessions: [{ key: "agent:main:subagent:abc123", ...stackSmith, updatedAt: time, model: "kimi-k2.5" }],
            },
          },
          { type: "memory", payload: { memories: [] } },
          { type: "logs", payload: { logs: expect.any(Array) } },
        ])

        yield* sessions.create({ key: "agent:main:subagent:new123", displayName: "Sage", label: "Sage: Research Task" })
        expect(yield* client.next).toMatchObject({
          type: "session_open",
          payload: { key: "agent:main:subagent:new123", displayName: "Sage", label: "Sage: Research Task" },
        })
        yield* client.find("sessions")
        yield* sessions.remove("agent:main:subagent:abc123")
        expect(yield* client.find("session_close")).toMatchObject({ payload: { key: "agent:main:subagent:abc123" } })

        client.send(`{
  "type": "unsubscribe",
  "channels": ["memory"]
}`)
        expect(yield* client.find("unsubscribed")).toEqual({
          type: "unsubscribed",
          payload: { channels: ["sessions", "logs"] },
        })

        for (const resource of ["sessions", "memory", "logs", "status"]) {
          client.send({ type: "request", resource })
          expect(yield* client.find(resource)).toMatchObject({ type: resource, timestamp: time })
        }
        client.send({ type: "request", resource: "session_history", sessionKey: "agent:main:subagent:new123" })
        expect(yield* client.find("session_history")).toMatchObject({
          payload: { sessionKey: "agent:main:subagent:new123", messages: [] },
        })

        client.send(`{
  "type": "ping"
}`)
        expect(yield* client.find("pong")).toEqual({ type: "pong", payload: { timestamp: time } })

        client.send({ type: "foo" })
        expect(yield* client.find("error")).toEqual({
          type: "error",
          payload: { message: "Unknown message type: foo" },
        })
      }),
    )

    it.effect("Testing in the browser's console: the platform's own WebSocket receives the list.", () =>
      Effect.gen(function* () {
        const { wsUrl } = yield* Gateway.TestGateway
        const received = yield* Effect.callback<ReadonlyArray<MissionClient.Message>>((resume) => {
          const messages: Array<MissionClient.Message> = []
          const ws = new globalThis.WebSocket(`${wsUrl}${PATH}`)

          ws.onopen = () => {
            ws.send(JSON.stringify({ type: "subscribe", channels: ["sessions"] }))
          }

          ws.onmessage = (event) => {
            messages.push(JSON.parse(String(event.data)))
            if (messages.length === 3) resume(Effect.succeed(messages))
          }
          return Effect.sync(() => ws.close())
        })
        expect(received.map(({ type }) => type)).toEqual(["connected", "subscribed", "sessions"])
      }),
    )

    it.effect("Security: the gateway refuses a page of another site.", () =>
      Effect.gen(function* () {
        const { url } = yield* Gateway.TestGateway
        const failure = yield* Effect.flip(
          Effect.sandbox(MissionClient.connect({ path: PATH, token: null, origin: "https://evil.example" })),
        )
        expect(String(failure)).toContain("403")
        const client = yield* MissionClient.connect({ path: PATH, token: null, origin: url })
        expect((yield* client.next).type).toBe("connected")
      }),
    )
  },
)

layer(Gateway.layer({ limits: { authFailureDelayMs: 0 } }), { excludeTestServices: true })(
  "MissionControl setup guide, production",
  (it) => {
    it.effect("Authentication: a page that can set no header authenticates in its first message.", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.connect({ path: PATH, token: null })
        client.send({ type: "request", resource: "sessions" })
        expect((yield* client.take(2)).at(1)).toEqual({ type: "error", payload: { message: "Not authenticated" } })
        client.send({ type: "authenticate", token: Gateway.TOKEN })
        client.send({ type: "request", resource: "sessions" })
        expect(yield* client.next).toMatchObject({ type: "sessions" })
      }),
    )

    it.effect("Authentication: a wrong token closes the connection.", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.connect({ path: PATH, token: null })
        client.send({ type: "authenticate", token: "wrong" })
        expect(yield* client.closed).toEqual({ code: 1008, reason: "Invalid authentication" })
      }),
    )
  },
)
