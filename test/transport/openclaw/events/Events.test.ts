/**
 * Events: the events of a run from its acceptance to its end, for each kind of client. Every frame is checked against the
 * published schema.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { AgentRuntime } from "../../../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../../../src/services/agents/AgentRuntimes.ts"
import { echo } from "../../../../src/services/agents/EchoRuntime.ts"
import { expectValidEvent } from "../../../support/OpenClaw.ts"
import { enter, type Frame, type OpenClawClient } from "../../../support/OpenClawClient.ts"
import { type StagedRun, staged } from "../../../support/StagedRuntime.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const KEY = "agent:main:main"

const browser = { id: "openclaw-control-ui", version: "1", platform: "web", mode: "webchat" }

const gateway = (runtime: AgentRuntime) =>
  TestGateway.layer({ runtime: "staged", runtimes: AgentRuntimes.add(echo, runtime) })

/** Reads events up to the first that `isLast` accepts. */
const eventsUntil = Effect.fnUntraced(function* (client: OpenClawClient, isLast: (frame: Frame) => boolean) {
  const events: Array<Frame> = []
  while (true) {
    const frame = yield* client.next
    if (frame.type !== "event") continue
    expectValidEvent(frame)
    events.push(frame)
    if (isLast(frame)) return events
  }
})

const isEnd = ({ event, payload }: Frame) =>
  event === "chat" && ["final", "aborted", "error"].includes(payload.state) && !payload.runId.startsWith("inject-")

/** Returns a line for each event, such as `chat delta`. Equal lines in a row count once. */
const outline = (events: ReadonlyArray<Frame>): ReadonlyArray<string> =>
  events
    .map(({ event, payload }) => {
      switch (event) {
        case "chat":
          return payload.state === "status" ? `chat status ${payload.phase}` : `chat ${payload.state}`
        case "agent":
        case "session.tool":
          return `${event} ${payload.stream}${payload.data.phase === undefined ? "" : ` ${payload.data.phase}`}`
        case "session.message":
          return `session.message ${payload.message.role}`
        default:
          return event!
      }
    })
    .filter((line, i, lines) => line !== lines[i - 1] && line !== "sessions.changed" && line !== "presence")

const send = (client: OpenClawClient, message: string, sessionKey = "main") =>
  client.send({
    type: "req",
    id: "send",
    method: "chat.send",
    params: { sessionKey, message, idempotencyKey: message },
  })

/** Runs a turn with every kind of runtime event. */
const perform = Effect.fnUntraced(function* (next: Effect.Effect<StagedRun>) {
  const run = yield* next
  yield* run.emit({ _tag: "Thinking", text: "hm" })
  yield* run.say("Hello")
  yield* run.emit({ _tag: "ToolStarted", callId: "c1", name: "look", input: '{"at":"it"}' })
  yield* run.emit({ _tag: "ToolUpdated", callId: "c1", text: "loo" })
  yield* run.emit({ _tag: "ToolEnded", callId: "c1", output: "seen", isError: false })
  yield* run.say(" world")
  yield* run.emit({ _tag: "Usage", usage: { inputTokens: 5, outputTokens: 7 } })
  yield* run.end
})

const eventsOfRun = (more: object, subscribe = true) => {
  const { next, runtime } = staged()
  return Effect.gen(function* () {
    const { client } = yield* enter(more)
    if (subscribe) yield* client.ask("sessions.subscribe")
    send(client, "hi")
    const [events] = yield* Effect.all([eventsUntil(client, isEnd), perform(next)], { concurrency: 2 })
    return events
  }).pipe(Effect.provide(gateway(runtime)))
}

const ofChat = (events: ReadonlyArray<Frame>, state: string) =>
  events.filter(({ event, payload }) => event === "chat" && payload.state === state).map(({ payload }) => payload)

const deltas = (events: ReadonlyArray<Frame>) => ofChat(events, "delta")

describe("Events", () => {
  it.live("A run has chat events, agent events and the events of its messages.", () =>
    Effect.gen(function* () {
      const events = yield* eventsOfRun({ caps: ["tool-events"] })
      expect(outline(events)).toEqual([
        "chat status preparing_context",
        "agent run_status preparing_context",
        "session.message user",
        "agent lifecycle start",
        "chat status starting_model",
        "agent run_status starting_model",
        "agent thinking",
        "agent assistant",
        "chat delta",
        "agent tool start",
        "agent tool update",
        "agent tool result",
        "session.message assistant",
        "session.message toolResult",
        "agent assistant",
        "chat delta",
        "session.message assistant",
        "agent usage",
        "agent lifecycle end",
        "chat final",
      ])
      expect(events.map(({ seq }) => seq)).toEqual(events.map((_, i) => events[0]!.seq! + i))
      const [final] = ofChat(events, "final")
      expect(final).toMatchObject({
        runId: "hi",
        sessionKey: KEY,
        agentId: "main",
        stopReason: "stop",
        message: { role: "assistant", content: [{ type: "text", text: "Hello world" }] },
        usage: { input: 5, output: 7, totalTokens: 12 },
      })
      const tools = events.filter(({ payload }) => payload.stream === "tool").map(({ payload }) => payload.data)
      expect(tools).toEqual([
        { phase: "start", name: "look", toolCallId: "c1", args: { at: "it" } },
        { phase: "update", toolCallId: "c1", partialResult: { content: [{ type: "text", text: "loo" }] } },
        {
          phase: "result",
          name: "look",
          toolCallId: "c1",
          isError: false,
          result: { content: [{ type: "text", text: "seen" }] },
        },
      ])
    }),
  )

  for (const protocol of [3, 4]) {
    it.live(`In protocol ${protocol}, each delta has the new text and the whole text.`, () =>
      Effect.gen(function* () {
        const events = yield* eventsOfRun({ minProtocol: protocol, maxProtocol: protocol })
        let text = ""
        for (const { deltaText, message } of deltas(events)) {
          text += deltaText
          expect(message.content).toEqual([{ type: "text", text }])
        }
        expect(text).toBe("Hello world")
        const assistant = events
          .filter(({ payload }) => payload.stream === "assistant")
          .map(({ payload }) => payload.data)
        expect(assistant.map(({ delta }) => delta).join("")).toBe(text)
        expect(assistant.at(-1).text).toBe(text)
      }),
    )
  }

  it.live("Browsers, which build the text, get each delta alone.", () =>
    Effect.gen(function* () {
      const events = yield* eventsOfRun({ client: browser, caps: ["tool-events"] })
      expect(deltas(events).map(({ deltaText }) => deltaText)).toEqual(["Hello", " world"])
      for (const delta of deltas(events)) expect(delta).not.toHaveProperty("message")
      expect(outline(events)).not.toContain("agent assistant")
    }),
  )

  it.live("Steps of tools come with the run, with the session or not at all, as the client requests.", () =>
    Effect.gen(function* () {
      const subscribed = outline(yield* eventsOfRun({}))
      expect(subscribed).toContain("session.tool tool start")
      expect(subscribed).not.toContain("agent tool start")
      const neither = outline(yield* eventsOfRun({}, false))
      expect(neither.some((line) => line.includes("tool"))).toBe(false)
      expect(neither.some((line) => line.startsWith("session"))).toBe(false)
    }),
  )

  it.live("A client that connects during a run gets the text so far.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const { client: first } = yield* enter()
      send(first, "hi")
      const run = yield* next
      yield* run.say("Hello")
      yield* eventsUntil(first, ({ payload }) => payload.state === "delta")
      const { client: late } = yield* enter({ client: browser })
      const [soFar] = deltas(yield* eventsUntil(late, ({ payload }) => payload.state === "delta"))
      expect(soFar).toMatchObject({ deltaText: "Hello", replace: true, message: { content: [{ text: "Hello" }] } })
      expect((yield* late.ask("chat.history", { sessionKey: "main" })).payload).toMatchObject({
        inFlightRun: { runId: "hi", text: "Hello" },
        sessionInfo: { hasActiveRun: true, activeRunIds: ["hi"] },
      })
      yield* run.say(" world")
      yield* run.end
      expect(deltas(yield* eventsUntil(late, isEnd))).toMatchObject([{ deltaText: " world" }])
    }).pipe(Effect.provide(gateway(runtime)))
  })

  it.live("A run that is aborted or fails has an event for it.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const { client } = yield* enter()
      send(client, "one")
      yield* (yield* next).say("half")
      yield* client.event("chat")
      client.send({ type: "req", id: "x", method: "chat.abort", params: { sessionKey: "main", runId: "one" } })
      const aborted = yield* eventsUntil(client, ({ payload }) => payload.data?.status === "cancelled")
      expect(ofChat(aborted, "aborted")).toMatchObject([{ runId: "one", stopReason: "rpc" }])
      send(client, "two")
      yield* (yield* next).fail("no more tokens")
      const failed = yield* eventsUntil(client, ({ payload }) => payload.state === "error")
      expect(failed.at(-1)!.payload).toMatchObject({ runId: "two", errorKind: "unknown" })
      expect(failed.at(-1)!.payload.errorMessage).toContain("no more tokens")
      expect(outline(failed)).toContain("agent lifecycle error")
      const { payload } = yield* client.ask("chat.history", { sessionKey: "main", limit: 1 })
      expect(payload.messages).toMatchObject([
        { role: "user", content: "two" },
        { role: "assistant", content: [], stopReason: "error", errorMessage: "no more tokens" },
      ])
    }).pipe(Effect.provide(gateway(runtime)))
  })

  it.live("The message /stop has events for the aborted run and for the gateway's answer.", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const { client } = yield* enter()
      send(client, "one")
      yield* next
      send(client, "/stop")
      const events = yield* eventsUntil(client, ({ payload }) => payload.runId === "/stop" && payload.state === "final")
      expect(ofChat(events, "aborted")).toMatchObject([{ runId: "one" }])
      expect(ofChat(events, "final")).toMatchObject([{ runId: "/stop", message: { content: [{ text: "Stopped." }] } }])
    }).pipe(Effect.provide(gateway(runtime)))
  })

  it.live("A message without a run comes as a complete reply.", () =>
    Effect.gen(function* () {
      const { client } = yield* enter()
      yield* client.ask("sessions.messages.subscribe", { key: "main" })
      yield* client.ask("chat.inject", { sessionKey: "main", message: "note" })
      const { client: again } = yield* enter()
      again.send({ type: "req", id: "i", method: "chat.inject", params: { sessionKey: "main", message: "note 2" } })
      const events = yield* eventsUntil(client, ({ payload }) => payload.message?.content?.[0]?.text === "note 2")
      expect(events.at(-1)).toMatchObject({ event: "chat", payload: { seq: 0, state: "final", sessionKey: KEY } })
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("A client with session-scoped events gets only runs of sessions that it subscribed to.", () =>
    Effect.gen(function* () {
      const { client } = yield* enter({ caps: ["session-scoped-events"] })
      yield* client.ask("sessions.messages.subscribe", { key: "work" })
      yield* client.ask("agent", { message: "elsewhere", sessionKey: "main", idempotencyKey: "e" })
      send(client, "here", "work")
      const events = yield* eventsUntil(client, isEnd)
      expect(new Set(events.map(({ payload }) => payload.sessionKey).filter(Boolean))).toEqual(new Set(["work"]))
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("Changes of sessions have the row of the session, and a removal has its key.", () =>
    Effect.gen(function* () {
      const { client } = yield* enter()
      yield* client.ask("sessions.subscribe")
      const change = (method: string, params: object) => {
        client.send({ type: "req", id: method, method, params })
        return Effect.map(
          eventsUntil(client, ({ event }) => event === "sessions.changed"),
          (events) => events.at(-1)!.payload,
        )
      }
      const created = yield* change("sessions.create", { key: "k", label: "L" })
      expect(created).toMatchObject({
        sessionKey: "k",
        reason: "create",
        label: "L",
        session: { key: "k", label: "L" },
      })
      expect(yield* change("sessions.patch", { key: "k", label: "M" })).toMatchObject({
        reason: "patch",
        label: "M",
        session: { key: "k", label: "M", model: "echo", modelProvider: "echo", hasActiveRun: false, activeRunIds: [] },
      })
      expect(yield* change("sessions.delete", { key: "k" })).toMatchObject({ sessionKey: "k", reason: "delete" })
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("New connections and changes of agents are events.", () =>
    Effect.gen(function* () {
      const { client } = yield* enter()
      yield* enter()
      const presence = yield* eventsUntil(client, ({ event }) => event === "presence")
      expect(presence.at(-1)!.payload.presence[0]).toMatchObject({ mode: "gateway", reason: "self" })
      client.send({ type: "req", id: "a", method: "agents.update", params: { agentId: "main", name: "Moon" } })
      const config = yield* eventsUntil(client, ({ event }) => event === "agent.config")
      expect(config.at(-1)!.payload).toMatchObject({ agentId: "main", name: "Moon" })
    }).pipe(Effect.provide(TestGateway.layer())),
  )
})
