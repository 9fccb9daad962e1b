/**
 * OpenClaw: the published client library with its projection of sessions. It connects and holds a conversation, and its
 * projection of the events equals the transcript.
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

/** Connects with the defaults of the library. */
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

describe("OpenClaw's client library", () => {
  for (const protocol of [3, 4]) {
    it.live(`The client holds a conversation in protocol ${protocol}.`, () =>
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
        // The events and the history have the same messages, so the client shows no message twice.
        expect(outline(reconcileSessionProjectionSnapshot(projection, after.messages).messages)).toEqual(transcript)
        expect(gaps).toEqual([])
      }).pipe(Effect.provide(TestGateway.layer())),
    )
  }

  it.live("The client has all events of a run before the answer that the run is done.", () =>
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

  it.live("The client gets the errors that it knows.", () =>
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

/** Removes the additions to the published schema: the position, the result of resuming and the method of authentication. */
const withoutExtensions = ({
  position: _position,
  resume: _resume,
  auth: { method: _method, ...auth },
  ...hello
}: any) => ({
  ...hello,
  auth,
})
