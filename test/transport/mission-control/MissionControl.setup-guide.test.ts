/**
 * The setup guide that Mission Control's users have, followed line by line: its path, its messages as it prints them,
 * its two ways of trying them out. The gateway asks for no token, as the guide's does.
 */
import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import * as MissionClient from "../../support/MissionClient.ts"
import * as Gateway from "../../support/TestGateway.ts"

const PATH = "/ws"

const time = expect.any(Number)

layer(Gateway.layer({ auth: "none", monitorIntervalMs: 20 }), { excludeTestServices: true })(
  "the setup guide",
  (it) => {
    it.effect("Connection: a client that waits is greeted", () =>
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

    it.effect("Testing, using websocat: what is typed at once is answered after the greeting", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.connect({ path: PATH, token: null })
        client.say('{"type":"subscribe","channels":["sessions"]}')
        client.say('{"type":"request","resource":"sessions"}')
        expect((yield* client.take(4)).map(({ type }) => type)).toEqual([
          "connected",
          "subscribed",
          "sessions",
          "sessions",
        ])
      }),
    )

    it.effect("Client to server, server to client: every message", () =>
      Effect.gen(function* () {
        const sessions = yield* Sessions
        const stackSmith = { kind: "subagent", displayName: "StackSmith", label: "StackSmith: Building API" }
        yield* sessions.create({ key: "agent:main:subagent:abc123", ...stackSmith, model: "kimi-k2.5" })
        const client = yield* MissionClient.connect({ path: PATH, token: null })

        client.say(`{
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

        client.say(`{
  "type": "unsubscribe",
  "channels": ["memory"]
}`)
        expect(yield* client.find("unsubscribed")).toEqual({
          type: "unsubscribed",
          payload: { channels: ["sessions", "logs"] },
        })

        for (const resource of ["sessions", "memory", "logs", "status"]) {
          client.say({ type: "request", resource })
          expect(yield* client.find(resource)).toMatchObject({ type: resource, timestamp: time })
        }
        client.say({ type: "request", resource: "session_history", sessionKey: "agent:main:subagent:new123" })
        expect(yield* client.find("session_history")).toMatchObject({
          payload: { sessionKey: "agent:main:subagent:new123", messages: [] },
        })

        client.say(`{
  "type": "ping"
}`)
        expect(yield* client.find("pong")).toEqual({ type: "pong", payload: { timestamp: time } })

        client.say({ type: "foo" })
        expect(yield* client.find("error")).toEqual({
          type: "error",
          payload: { message: "Unknown message type: foo" },
        })
      }),
    )

    it.effect("Testing, using the browser's console: the platform's own WebSocket", () =>
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

    it.effect("Security: a page of another site is refused", () =>
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
  "the setup guide, for production",
  (it) => {
    it.effect("Authentication: in the first message, for a page that can set no header", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.connect({ path: PATH, token: null })
        client.say({ type: "request", resource: "sessions" })
        expect((yield* client.take(2)).at(1)).toEqual({ type: "error", payload: { message: "Not authenticated" } })
        client.say({ type: "authenticate", token: Gateway.TOKEN })
        client.say({ type: "request", resource: "sessions" })
        expect(yield* client.next).toMatchObject({ type: "sessions" })
      }),
    )

    it.effect("Authentication: a wrong token ends the connection", () =>
      Effect.gen(function* () {
        const client = yield* MissionClient.connect({ path: PATH, token: null })
        client.say({ type: "authenticate", token: "wrong" })
        expect(yield* client.closed).toEqual({ code: 1008, reason: "Invalid authentication" })
      }),
    )
  },
)
