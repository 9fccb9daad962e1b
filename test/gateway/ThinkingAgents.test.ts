/**
 * One conversation with an agent that thinks and calls tools, on every wire in that wire's own form. The model thinks,
 * calls two tools of which one fails, and answers. Then it meets a message that does not fit into its context.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GatewayClient } from "../../src/client/GatewayClient.ts"
import { StreamItem } from "../../src/domain/Chat.ts"
import type { GatewayEvent } from "../../src/domain/Event.ts"
import * as Gateway from "../../src/Gateway.ts"
import * as AgentTool from "../../src/services/tools/AgentTool.ts"
import { Tools } from "../../src/services/tools/Tools.ts"
import * as EventStream from "../support/EventStream.ts"
import * as FakeProvider from "../support/FakeProvider.ts"
import * as GatewayProcess from "../support/GatewayProcess.ts"
import { ask } from "../support/HttpRequests.ts"
import * as JsonRpcClient from "../support/JsonRpcClient.ts"
import * as MissionClient from "../support/MissionClient.ts"
import { expectValid, expectValidEvent } from "../support/OpenClaw.ts"
import { enter, type Frame, type OpenClawClient } from "../support/OpenClawClient.ts"
import * as TestGateway from "../support/TestGateway.ts"

const QUESTION = "The weather?"
const LONG = "Read all of this."

const THINKING = "Two cities. I ask for both."
const REPLY = "Looking. \n\nSunny in Paris. Atlantis is lost."
const PARIS = { callId: "call_1", name: "weather", input: '{"city":"Paris"}' }
const ATLANTIS = { callId: "call_2", name: "weather", input: '{"city":"Atlantis"}' }
const SUNNY = { ...PARIS, output: "sunny in Paris", isError: false }
const LOST = { ...ATLANTIS, output: "There is no such city.", isError: true }
/** Of two steps. */
const USAGE = { inputTokens: 30, cachedInputTokens: 8, outputTokens: 14, contextTokens: 22 }
const TOO_LONG = expect.stringMatching(/^provider "fake" cannot fit the conversation .+ compact or reset the session$/)
const ERROR = { reason: "runtime", kind: "context-length", message: TOO_LONG }

const scenario: FakeProvider.Scenario = async (answer, { body, results }) => {
  if (JSON.stringify(body.messages.at(-1)).includes(LONG)) {
    return answer.fail({ status: 400, message: "prompt is too long: 210000 tokens > 200000 maximum" })
  }
  if (results.length > 0) {
    await answer.text("Sunny in Paris. ", "Atlantis is lost.")
    return answer.end()
  }
  await answer.thinking("Two cities. ", "I ask for both.")
  await answer.text("Looking. ")
  await answer.tool(PARIS.callId, PARIS.name, '{"city":', '"Paris"}')
  await answer.tool(ATLANTIS.callId, ATLANTIS.name, ATLANTIS.input)
  return answer.end("tools")
}

const weather = AgentTool.make({
  name: "weather",
  description: "Tells the weather of a city.",
  parameters: Schema.Struct({ city: Schema.String }),
  success: Schema.String,
  handle: ({ city }) =>
    city === "Atlantis"
      ? Effect.fail(new AgentTool.ToolFailed({ message: LOST.output }))
      : Effect.succeed(`sunny in ${city}`),
})

const gateway = Layer.unwrap(
  Effect.gen(function* () {
    const fake = yield* FakeProvider.make
    fake.script("meteorologist", scenario)
    return TestGateway.layer({
      model: "fake/meteorologist",
      providers: { fake: { kind: "anthropic", baseUrl: fake.baseUrl.anthropic, apiKey: "sk-test-key" } },
      runtimes: Layer.mergeAll(Gateway.parts.runtimes, Tools.add(weather)),
    })
  }),
)

/** Returns the deltas of one kind as one text, and the other events in their order. */
const story = (events: ReadonlyArray<GatewayEvent>) => {
  const join = (tag: "ThinkingDelta" | "TextDelta") =>
    events.flatMap((event) => (event._tag === tag ? [event.text] : [])).join("")
  return {
    thinking: join("ThinkingDelta"),
    text: join("TextDelta"),
    steps: events.flatMap((event) =>
      event._tag === "ToolStarted" || event._tag === "ToolEnded" ? [[event._tag, event.callId]] : [],
    ),
    messages: events.flatMap((event) => (event._tag === "MessageAdded" ? [event.message] : [])),
    end: events.at(-1),
  }
}

const answered = {
  thinking: THINKING,
  text: REPLY,
  steps: [
    ["ToolStarted", "call_1"],
    ["ToolStarted", "call_2"],
    ["ToolEnded", "call_1"],
    ["ToolEnded", "call_2"],
  ],
  messages: [
    { role: "user", text: QUESTION },
    { role: "tool", tool: SUNNY },
    { role: "tool", tool: LOST },
    { role: "assistant", text: REPLY, thinking: THINKING, usage: USAGE },
  ],
  end: { _tag: "RunEnded", outcome: "done", usage: USAGE },
}

const failed = {
  thinking: "",
  text: "",
  steps: [],
  messages: [{ role: "user", text: LONG }],
  end: { _tag: "RunEnded", outcome: "failed", error: ERROR },
}

const eventsOf = (items: ReadonlyArray<StreamItem>) =>
  items.flatMap((item) => (item._tag === "Event" ? [item.event] : []))

const decodeItem = Schema.decodeUnknownSync(StreamItem)

/** Holds the conversation over /rpc, for wires that only watch it. */
const converse = Effect.fnUntraced(function* (sessionKey: string) {
  const { calls } = yield* GatewayClient
  for (const text of [QUESTION, LONG]) yield* Stream.runDrain(calls["chat.stream"]({ text, sessionKey }))
})

const openClawUsage = { input: 22, output: 14, cacheRead: 8, cacheWrite: 0, totalTokens: 44 }

/** The messages of the conversation as OpenClaw's clients read them. */
const openClawMessages = [
  { role: "user", content: QUESTION },
  { role: "assistant", content: [{ type: "toolCall", id: "call_1", name: "weather", arguments: { city: "Paris" } }] },
  { role: "toolResult", toolCallId: "call_1", toolName: "weather", content: [{ text: SUNNY.output }], isError: false },
  { role: "assistant", content: [{ type: "toolCall", id: "call_2", arguments: { city: "Atlantis" } }] },
  { role: "toolResult", toolCallId: "call_2", toolName: "weather", content: [{ text: LOST.output }], isError: true },
  {
    role: "assistant",
    content: [
      { type: "thinking", thinking: THINKING },
      { type: "text", text: REPLY },
    ],
    stopReason: "stop",
    usage: openClawUsage,
  },
  { role: "user", content: LONG },
]

/** Sends a message and returns the events of its run up to the last one, all of them valid. */
const openClawRun = Effect.fnUntraced(function* (client: OpenClawClient, sessionKey: string, message: string) {
  const { ok } = yield* client.ask("chat.send", { sessionKey, message, idempotencyKey: `${sessionKey} ${message}` })
  expect(ok).toBe(true)
  const frames: Array<Frame> = []
  const isLast = ({ event, payload }: Frame) => event === "chat" && ["final", "error"].includes(payload.state)
  do {
    const frame = yield* client.next
    expectValidEvent(frame)
    frames.push(frame)
  } while (!isLast(frames.at(-1)!))
  const payloads = (event: string) => frames.filter((frame) => frame.event === event).map(({ payload }) => payload)
  const stream = (name: string) => payloads("agent").filter(({ stream }) => stream === name)
  return { last: frames.at(-1)!.payload, payloads, stream }
})

const toolSteps = [
  { phase: "start", toolCallId: "call_1", name: "weather", args: { city: "Paris" } },
  { phase: "start", toolCallId: "call_2", name: "weather", args: { city: "Atlantis" } },
  { phase: "result", toolCallId: "call_1", isError: false, result: { content: [{ text: SUNNY.output }] } },
  { phase: "result", toolCallId: "call_2", isError: true, result: { content: [{ text: LOST.output }] } },
]

describe("An agent that thinks", () => {
  it.layer(TestGateway.client.pipe(Layer.provideMerge(gateway)), { excludeTestServices: true })((it) => {
    it.effect("/rpc streams the thinking, the tools, the text and the usage of a run, or its error.", () =>
      Effect.gen(function* () {
        const { calls } = yield* GatewayClient
        const run = (text: string) =>
          Effect.map(Stream.runCollect(calls["chat.stream"]({ text, sessionKey: "rpc" })), (items) =>
            story(eventsOf(items)),
          )
        expect(yield* run(QUESTION)).toMatchObject(answered)
        expect(yield* run(LONG)).toMatchObject(failed)
        const { messages } = yield* calls["sessions.history"]({ key: "rpc" })
        expect(messages).toMatchObject([...answered.messages, { role: "user", text: LONG, failed: ERROR }])
      }),
    )

    it.effect("JSON-RPC streams the same run as notifications.", () =>
      Effect.gen(function* () {
        const client = yield* JsonRpcClient.open()
        const run = Effect.fnUntraced(function* (text: string) {
          client.send("chat.stream", { text, sessionKey: "json-rpc" })
          const items = yield* client.itemsUntil((item) => item.event?._tag === "RunEnded")
          return story(eventsOf(items.map((item) => decodeItem(item))))
        })
        expect(yield* run(QUESTION)).toMatchObject(answered)
        expect(yield* run(LONG)).toMatchObject(failed)
      }),
    )

    it.effect("REST streams the same run as lines, and `GET /events` as events.", () =>
      Effect.gen(function* () {
        const events = yield* EventStream.open("/events?topics=chat&sessionKey=rest")
        const run = Effect.fnUntraced(function* (text: string) {
          const { text: lines } = yield* ask("/api/rpc/chat.stream", {
            body: JSON.stringify({ text, sessionKey: "rest" }),
          })
          const items = lines.trimEnd().split("\n")
          return story(eventsOf(items.map((line) => decodeItem(JSON.parse(line)))))
        })
        expect(yield* run(QUESTION)).toMatchObject(answered)
        const seen = yield* events.find(({ event }) => event === "run.ended")
        expect(story(seen.flatMap(({ data }) => (data._tag === "Event" ? [data.event] : [])))).toMatchObject(answered)
        const names = "joined caught-up run.accepted message.added run.started"
        const outputNames = "thinking.delta text.delta tool.started tool.ended run.ended"
        expect([...new Set(seen.map(({ event }) => event))].join(" ")).toMatch(`${names} ${outputNames}`)
        expect(yield* run(LONG)).toMatchObject(failed)
      }),
    )

    it.effect(
      "Mission Control shows the tokens of the session, and its messages with thinking, tools and errors.",
      () =>
        Effect.gen(function* () {
          const client = yield* MissionClient.subscribed("sessions")
          yield* converse("mission")
          const row = yield* client.find("session_update", ({ payload }) => payload.totalTokens > 0)
          expect(row.payload).toMatchObject({ key: "mission", totalTokens: 44, contextTokens: 22 })
          client.send({ type: "request", resource: "session_history", sessionKey: "mission" })
          expect((yield* client.find("session_history")).payload.messages).toMatchObject([
            { role: "user", content: QUESTION },
            { role: "tool", tool: SUNNY },
            { role: "tool", tool: LOST },
            { role: "assistant", content: REPLY, thinking: THINKING },
            { role: "user", content: LONG, failed: ERROR },
          ])
        }),
    )

    it.effect("OpenClaw's protocol 4 has an event for each step, and an answer for each message of the history.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter({ caps: ["tool-events"] })
        yield* client.ask("sessions.subscribe")
        const { last, payloads, stream } = yield* openClawRun(client, "four", QUESTION)
        expect(stream("thinking").at(-1).data.text).toBe(THINKING)
        expect(
          stream("thinking")
            .map(({ data }) => data.delta)
            .join(""),
        ).toBe(THINKING)
        expect(stream("tool").map(({ data }) => data)).toMatchObject(toolSteps)
        expect(stream("assistant").at(-1).data.text).toBe(REPLY)
        expect(stream("usage")).toMatchObject([{ data: { inputTokens: 30, outputTokens: 14 } }])
        expect(payloads("session.message").map(({ message }) => message)).toMatchObject(openClawMessages.slice(0, -1))
        expect(payloads("sessions.changed").at(-1).session).toMatchObject({
          modelProvider: "fake",
          model: "meteorologist",
        })
        expect(last).toMatchObject({ state: "final", message: { content: [{ text: REPLY }] }, usage: openClawUsage })

        const failure = yield* openClawRun(client, "four", LONG)
        expect(failure.stream("lifecycle").at(-1).data).toMatchObject({ phase: "error", error: TOO_LONG })
        expect(failure.last).toMatchObject({ state: "error", errorKind: "context_length", errorMessage: TOO_LONG })

        const { payload } = yield* client.ask("chat.history", { sessionKey: "four" })
        expect(payload.messages).toMatchObject([
          ...openClawMessages,
          { role: "assistant", content: [], stopReason: "error", errorMessage: TOO_LONG },
        ])
        expect(payload.sessionInfo).toMatchObject({ modelProvider: "fake", inputTokens: 30, outputTokens: 14 })
        expectValid("SessionRow", payload.sessionInfo)
      }),
    )

    it.effect(
      "OpenClaw's protocol 4 sends a browser deltas alone, and the steps of tools as events of the session.",
      () =>
        Effect.gen(function* () {
          const client = { id: "openclaw-control-ui", version: "1", platform: "web", mode: "ui" }
          const { client: page } = yield* enter({ client, scopes: ["operator.admin"] })
          yield* page.ask("sessions.subscribe")
          const { last, payloads } = yield* openClawRun(page, "browser", QUESTION)
          const deltas = payloads("chat").filter(({ state }) => state === "delta")
          expect(deltas.map(({ deltaText }) => deltaText).join("")).toBe(REPLY)
          expect(payloads("session.tool").map(({ data }) => data)).toMatchObject(toolSteps)
          expect(last).toMatchObject({ state: "final", usage: openClawUsage })
        }),
    )

    it.effect("OpenClaw's protocol 3 has the same run.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter({ minProtocol: 3, maxProtocol: 3, caps: ["tool-events"] })
        const { last, stream } = yield* openClawRun(client, "three", QUESTION)
        expect(stream("thinking").at(-1).data.text).toBe(THINKING)
        expect(stream("tool").map(({ data }) => data)).toMatchObject(toolSteps)
        expect(last).toMatchObject({ state: "final", message: { content: [{ text: REPLY }] } })
        expect((yield* openClawRun(client, "three", LONG)).last).toMatchObject({
          state: "error",
          errorKind: "context_length",
        })
      }),
    )

    it.effect("`causeway chat` prints the reply and the reason of the failure.", () =>
      Effect.gen(function* () {
        const { token, url } = yield* TestGateway.TestGateway
        const command = ["chat", "--session", "chat", "--url", url, "--token", token]
        const { code, stderr, stdout } = yield* GatewayProcess.run(command, { input: `${QUESTION}\n${LONG}\n` })
        expect(stdout).toBe(`> ${QUESTION}\n${REPLY}\n> ${LONG}\n`)
        expect(stderr).toMatch(/^causeway: the run failed: provider "fake" cannot fit .+\ncauseway: messages without/)
        expect(code).toBe(1)
      }),
    )
  })
})
