/**
 * What clients of each kind are told of a run, from its acceptance to its end, in order, and each frame as the published
 * schema has it.
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

/** Every event up to the one that is looked for. */
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

/** A line for each event, and one for deltas in a row: `chat delta`, `agent tool start`. */
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

/** A run that does everything a run can do. */
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

const witness = (more: object, subscribe = true) => {
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

describe("OpenClaw's events", () => {
  it.live("tell a run twice, as conversation and as work, and the messages that it leaves", () =>
    Effect.gen(function* () {
      const events = yield* witness({ caps: ["tool-events"] })
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
    it.live(`give the whole text with each delta in protocol ${protocol}, and what is new of it`, () =>
      Effect.gen(function* () {
        const events = yield* witness({ minProtocol: protocol, maxProtocol: protocol })
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

  it.live("give browsers, which build the text themselves, each delta alone", () =>
    Effect.gen(function* () {
      const events = yield* witness({ client: browser, caps: ["tool-events"] })
      expect(deltas(events).map(({ deltaText }) => deltaText)).toEqual(["Hello", " world"])
      for (const delta of deltas(events)) expect(delta).not.toHaveProperty("message")
      expect(outline(events)).not.toContain("agent assistant")
    }),
  )

  it.live("say of tools what a client has asked for: with the run, with the session, or nothing", () =>
    Effect.gen(function* () {
      const subscribed = outline(yield* witness({}))
      expect(subscribed).toContain("session.tool tool start")
      expect(subscribed).not.toContain("agent tool start")
      const neither = outline(yield* witness({}, false))
      expect(neither.some((line) => line.includes("tool"))).toBe(false)
      expect(neither.some((line) => line.startsWith("session"))).toBe(false)
    }),
  )

  it.live("tell a client that comes in the middle what has been said so far", () => {
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

  it.live("say that a run was aborted, or has failed", () => {
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

  it.live("tell the end of a run that the message /stop ends, and the gateway's answer to it", () => {
    const { next, runtime } = staged()
    return Effect.gen(function* () {
      const { client } = yield* enter()
      send(client, "one")
      yield* next
      send(client, "/stop")
      const told = yield* eventsUntil(client, ({ payload }) => payload.runId === "/stop" && payload.state === "final")
      expect(ofChat(told, "aborted")).toMatchObject([{ runId: "one" }])
      expect(ofChat(told, "final")).toMatchObject([{ runId: "/stop", message: { content: [{ text: "Stopped." }] } }])
    }).pipe(Effect.provide(gateway(runtime)))
  })

  it.live("show a message without a run as a reply that is complete", () =>
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

  it.live("tell the runs of the sessions that a client looks at alone, if it wants no others", () =>
    Effect.gen(function* () {
      const { client } = yield* enter({ caps: ["session-scoped-events"] })
      yield* client.ask("sessions.messages.subscribe", { key: "work" })
      yield* client.ask("agent", { message: "elsewhere", sessionKey: "main", idempotencyKey: "e" })
      send(client, "here", "work")
      const events = yield* eventsUntil(client, isEnd)
      expect(new Set(events.map(({ payload }) => payload.sessionKey).filter(Boolean))).toEqual(new Set(["work"]))
    }).pipe(Effect.provide(TestGateway.layer())),
  )

  it.live("tell changes of sessions with their rows, and that they are gone", () =>
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

  it.live("tell who comes, what agents are like, and that the gateway goes", () =>
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
