/**
 * The client that OpenClaw's maintainers publish, as it is: it connects, holds a conversation, and its own reduction of
 * what it is told is the transcript.
 */
import {
  createSessionProjection,
  GatewayClient,
  projectLiveSessionMessage,
  reconcileSessionProjectionSnapshot,
  reduceSessionProjectionRunEvent,
} from "@openclaw/gateway-client"
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { expectValid } from "../../support/OpenClaw.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const KEY = "agent:main:main"

interface Event {
  readonly event: string
  readonly payload?: any
}

class Operator {
  readonly #client: GatewayClient
  readonly events: Array<Event>
  readonly gaps: Array<unknown>
  readonly hello: any

  constructor(client: GatewayClient, hello: unknown, events: Array<Event>, gaps: Array<unknown>) {
    this.#client = client
    this.hello = hello
    this.events = events
    this.gaps = gaps
  }

  request(method: string, params: object = {}, expectFinal = false): Effect.Effect<any> {
    return Effect.promise(() => this.#client.request(method, params, { expectFinal }))
  }
}

/** Connected as the library connects by itself. */
const operator = (protocol: { readonly minProtocol: number; readonly maxProtocol: number }) =>
  Effect.flatMap(TestGateway.TestGateway, ({ token, wsUrl }) =>
    Effect.acquireRelease(
      Effect.callback<readonly [GatewayClient, Operator], Error>((resume) => {
        const events: Array<Event> = []
        const gaps: Array<unknown> = []
        const client = new GatewayClient({
          url: wsUrl,
          token,
          ...protocol,
          clientName: "gateway-client",
          mode: "backend",
          clientVersion: "0.0.1",
          platform: "linux",
          scopes: ["operator.admin"],
          caps: ["tool-events"],
          deviceIdentity: null,
          onHelloOk: (hello) => resume(Effect.succeed([client, new Operator(client, hello, events, gaps)])),
          onConnectError: (error) => resume(Effect.fail(error)),
          onEvent: (event) => events.push(event),
          onGap: (gap) => gaps.push(gap),
        })
        client.start()
      }),
      ([client]) => Effect.promise(() => client.stopAndWait()),
    ),
  ).pipe(
    Effect.map(([, operator]) => operator),
    Effect.orDie,
  )

const textOf = (message: any): string =>
  typeof message.content === "string" ? message.content : message.content.map(({ text = "" }) => text).join("")

const outline = (messages: ReadonlyArray<any>) => messages.map((message) => `${message.role}: ${textOf(message)}`)

describe("the official client", () => {
  for (const protocol of [3, 4]) {
    it.live(`holds a conversation in protocol ${protocol}`, () =>
      Effect.gen(function* () {
        const { events, gaps, hello, request } = bound(
          yield* operator({ minProtocol: protocol, maxProtocol: protocol }),
        )
        expectValid("HelloOk", withoutExtensions(hello))
        expect(hello.protocol).toBe(protocol)
        yield* request("sessions.subscribe")
        const before = yield* request("chat.history", { sessionKey: KEY })
        const sent = yield* request("chat.send", { sessionKey: KEY, message: "one", idempotencyKey: "k1" })
        expect(sent).toEqual({ runId: "k1", status: "started" })
        expect(yield* request("agent.wait", { runId: "k1" })).toMatchObject({ status: "ok" })
        const final = yield* request("agent", { message: "two", sessionKey: KEY, idempotencyKey: "k2" }, true)
        expect(final).toMatchObject({ runId: "k2", status: "ok", result: { payloads: [{ text: "echo: two" }] } })

        let projection = createSessionProjection({ sessionKey: KEY }, before.messages)
        for (const { event, payload } of events) {
          if (event === "session.message") projection = projectLiveSessionMessage(projection, payload.message, payload)
          if (event === "chat") {
            projection = reduceSessionProjectionRunEvent(projection, payload)?.projection ?? projection
          }
        }
        const after = yield* request("chat.history", { sessionKey: KEY })
        const transcript = ["user: one", "assistant: echo: one", "user: two", "assistant: echo: two"]
        expect(outline(after.messages)).toEqual(transcript)
        expect(outline(projection.messages)).toEqual(transcript)
        expect(Object.values(projection.runs).map(({ status }) => status)).toEqual(["completed", "completed"])
        // What it has been told and what it reads are the same messages, so that it shows none twice.
        expect(outline(reconcileSessionProjectionSnapshot(projection, after.messages).messages)).toEqual(transcript)
        expect(gaps).toEqual([])
      }).pipe(Effect.provide(TestGateway.layer())),
    )
  }

  it.live("has all of a run before it is told that the run is done", () =>
    Effect.gen(function* () {
      const { events, request } = bound(yield* operator({ minProtocol: 4, maxProtocol: 4 }))
      for (let i = 0; i < 20; i++) {
        yield* request("agent", { message: `m${i}`, sessionKey: KEY, idempotencyKey: `k${i}` }, true)
        expect(
          events.some(
            ({ event, payload }) => event === "chat" && payload.runId === `k${i}` && payload.state === "final",
          ),
        ).toBe(true)
      }
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("learns what it may not, and what there is not, in the words that it knows", () =>
    Effect.gen(function* () {
      const { request } = bound(yield* operator({ minProtocol: 4, maxProtocol: 4 }))
      const refused = (method: string, params: object = {}) =>
        Effect.map(Effect.exit(request(method, params)), (exit) => String(exit))
      expect(yield* refused("no.such.method")).toContain("unknown method: no.such.method")
      expect(yield* refused("chat.send", { sessionKey: KEY })).toContain("invalid chat.send params")
      expect(yield* refused("agents.delete", { agentId: "nobody" })).toContain("Agent not found")
    }).pipe(Effect.provide(TestGateway.layer())),
  )
})

const bound = (operator: Operator) => ({
  events: operator.events,
  gaps: operator.gaps,
  hello: operator.hello,
  request: operator.request.bind(operator),
})

/** What this gateway tells beyond the published schema: how clients resume, and how they proved who they are. */
const withoutExtensions = ({
  position: _position,
  resume: _resume,
  auth: { method: _method, ...auth },
  ...hello
}: any) => ({
  ...hello,
  auth,
})
