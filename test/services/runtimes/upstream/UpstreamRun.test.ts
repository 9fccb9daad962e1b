/** The runs of the runtime `upstream/<name>` at a gateway that does its worst. */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import type { RuntimeEvent } from "../../../../src/domain/Run.ts"
import { OpenClawClient } from "../../../../src/openclaw-client.ts"
import type { Turn } from "../../../../src/services/agents/AgentRuntime.ts"
import { run } from "../../../../src/services/runtimes/upstream/UpstreamRun.ts"
import { principal } from "../../../support/Conversations.ts"
import * as ScriptedUpstream from "../../../support/ScriptedUpstream.ts"

const turnOf = (values: Partial<Turn> = {}): Turn => ({
  agent: {
    id: "luna",
    name: "Luna",
    personality: "",
    model: "",
    runtime: "",
    dmScope: "main",
    createdAt: 1,
    updatedAt: 1,
  },
  sessionKey: "agent:luna:main",
  runId: "run-1",
  attempt: 1,
  principal,
  model: "otto",
  thinking: undefined,
  channel: null,
  peerId: null,
  history: Effect.succeed([]),
  text: "hello",
  attachments: [],
  steering: Effect.succeed([]),
  ...values,
})

const message = (text: string) => ({ role: "assistant", content: [{ type: "text", text }], timestamp: 1 })

/** Starts a run at a scripted gateway. */
const start = Effect.fnUntraced(function* (values: Partial<Turn> = {}) {
  const upstream = yield* ScriptedUpstream.make
  const context = yield* Layer.build(OpenClawClient.layer({ url: upstream.url, maxBackoff: 10 }))
  const client = Context.get(context, OpenClawClient)
  const output = yield* Queue.unbounded<RuntimeEvent>()
  const readFile = (id: string) => Effect.succeed(id === "gone" ? undefined : Buffer.from(`content of ${id}`))
  const stream = run(turnOf(values), { runtime: "upstream/home", client, conversation: "c", readFile })
  const fiber = yield* Effect.forkScoped(
    Stream.runForEach(stream, (event) => Queue.offer(output, event)),
    { startImmediately: true },
  )
  const connection = yield* upstream.accept
  yield* connection.welcome()
  /** Waits for the next connection, exactly as long as the client pauses. */
  const reconnect = Effect.gen(function* () {
    const waiting = yield* Stream.runHead(Stream.filter(client.state.changes, ({ _tag }) => _tag === "Waiting"))
    const state = waiting.valueOrUndefined
    yield* TestClock.adjust(state?._tag === "Waiting" ? state.retryInMs : 0)
    const next = yield* upstream.accept
    yield* next.welcome()
    return next
  })
  return { client, connection, fiber, next: Queue.take(output), reconnect, upstream }
})

const chat = (state: string, more: object = {}, runId = "run-1") => ({ runId, sessionKey: "s", state, ...more })

describe("UpstreamRun", () => {
  it.effect("A run sends its message to a session of its own and streams the reply.", () =>
    Effect.gen(function* () {
      const { connection, fiber, next } = yield* start({ thinking: "high" })
      const sent = yield* connection.expect("chat.send")
      expect(sent.params).toMatchObject({ message: "hello", idempotencyKey: "run-1", thinking: "high" })
      expect(sent.params.sessionKey).toMatch(/^agent:otto:causeway:[0-9a-f]{24}$/)
      connection.answer(sent, { runId: "run-1", status: "started" })
      connection.event("chat", chat("delta", { deltaText: "one " }))
      expect(yield* next).toEqual({ _tag: "Text", text: "one " })
      connection.event("chat", chat("final", { message: message("one two") }))
      expect(yield* next).toEqual({ _tag: "Text", text: "two" })
      yield* Fiber.join(fiber)
    }),
  )

  it.effect("Without a model, the default agent of the gateway answers. A command stays a message.", () =>
    Effect.gen(function* () {
      const { connection, fiber } = yield* start({ model: "", text: "/new idea" })
      connection.answer(yield* connection.expect("agents.list"), { defaultId: "rex", agents: [{ id: "rex" }] })
      const sent = yield* connection.expect("chat.send")
      expect(sent.params).toMatchObject({ suppressCommandInterpretation: true })
      expect(sent.params.sessionKey).toMatch(/^agent:rex:/)
      connection.answer(sent, { runId: "run-1", status: "started" })
      connection.event("chat", chat("final"))
      yield* Fiber.join(fiber)
    }),
  )

  it.effect("An interrupted run is aborted at the gateway.", () =>
    Effect.gen(function* () {
      const { connection, fiber } = yield* start()
      const sent = yield* connection.expect("chat.send")
      connection.answer(sent, { runId: "run-1", status: "started" })
      const interrupted = yield* Effect.forkChild(Fiber.interrupt(fiber), { startImmediately: true })
      const abort = yield* connection.expect("chat.abort")
      expect(abort.params).toEqual({ sessionKey: sent.params.sessionKey, runId: "run-1" })
      connection.answer(abort, { aborted: true })
      yield* Fiber.join(interrupted)
    }),
  )

  it.effect.each([
    ["goes on from the text so far", { inFlightRun: { runId: "run-1", text: "one two" }, messages: [] }],
    [
      "takes the reply from the history",
      { messages: [{ role: "user", content: "hello", idempotencyKey: "run-1:user" }, message("one two three")] },
    ],
  ] as const)("After a drop without the missed events, the run %s.", ([, history]) =>
    Effect.gen(function* () {
      const { connection, fiber, next, reconnect } = yield* start()
      connection.answer(yield* connection.expect("chat.send"), { runId: "run-1", status: "started" })
      connection.event("chat", chat("delta", { deltaText: "one" }))
      expect(yield* next).toEqual({ _tag: "Text", text: "one" })
      connection.cut()
      const again = yield* reconnect
      again.answer(yield* again.expect("chat.history"), history)
      again.event("chat", chat("final", { message: message("one two three") }))
      let text = "one"
      while (text.length < "one two three".length) {
        const event = yield* next
        if (event._tag === "Text") text += event.text
      }
      expect(text).toBe("one two three")
      yield* Fiber.join(fiber)
    }),
  )

  it.effect("A run that ended during a drop without a reply fails with the reason.", () =>
    Effect.gen(function* () {
      const { connection, fiber, reconnect } = yield* start()
      connection.answer(yield* connection.expect("chat.send"), { runId: "run-1", status: "started" })
      connection.cut()
      const again = yield* reconnect
      const failed = { role: "assistant", content: [], errorMessage: "no credit" }
      const messages = [{ role: "user", content: "hello", idempotencyKey: "run-1:user" }, failed]
      again.answer(yield* again.expect("chat.history"), { messages })
      expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({ detail: "upstream/home: no credit" })
    }),
  )

  it.effect("A message that a drop has lost is sent again under the same key.", () =>
    Effect.gen(function* () {
      const { connection, fiber, reconnect } = yield* start()
      yield* connection.expect("chat.send")
      connection.cut()
      const again = yield* reconnect
      again.answer(yield* again.expect("chat.history"), { messages: [] })
      const sent = yield* again.expect("chat.send")
      expect(sent.params).toMatchObject({ idempotencyKey: "run-1" })
      again.answer(sent, { runId: "run-1", status: "started" })
      again.event("chat", chat("final"))
      yield* Fiber.join(fiber)
    }),
  )

  it.effect("A further attempt takes the reply of the first one. Without a reply, it sends under another key.", () =>
    Effect.gen(function* () {
      const user = { role: "user", content: "hello", idempotencyKey: "run-1:user" }
      const replied = yield* start({ attempt: 2 })
      replied.connection.answer(yield* replied.connection.expect("chat.history"), { messages: [user, message("hi")] })
      expect(yield* replied.next).toEqual({ _tag: "Text", text: "hi" })
      yield* Fiber.join(replied.fiber)
      const { connection, fiber, next } = yield* start({ attempt: 2 })
      connection.answer(yield* connection.expect("chat.history"), { messages: [user] })
      const sent = yield* connection.expect("chat.send")
      expect(sent.params).toMatchObject({ idempotencyKey: "run-1:2" })
      connection.answer(sent, { runId: "run-1:2", status: "started" })
      connection.event("chat", chat("final", { message: message("hi") }, "run-1:2"))
      expect(yield* next).toEqual({ _tag: "Text", text: "hi" })
      yield* Fiber.join(fiber)
    }),
  )

  it.effect("A refused message fails the run with the gateway's words.", () =>
    Effect.gen(function* () {
      const { connection, fiber } = yield* start()
      connection.refuse(yield* connection.expect("chat.send"), {
        code: "FORBIDDEN",
        message: "missing scope: operator.write",
      })
      const { detail } = yield* Effect.flip(Fiber.join(fiber))
      expect(detail).toContain("upstream/home: the gateway refused chat.send: missing scope: operator.write")
    }),
  )

  it.effect("A gateway that stays away for a minute fails the run with the reason.", () =>
    Effect.gen(function* () {
      const { client, connection, fiber } = yield* start()
      connection.answer(yield* connection.expect("chat.send"), { runId: "run-1", status: "started" })
      connection.close(1012, "service restart")
      yield* Stream.runHead(Stream.filter(client.state.changes, ({ _tag }) => _tag === "Waiting"))
      // The next connections get no challenge.
      yield* TestClock.adjust("2 minutes")
      const { detail } = yield* Effect.flip(Fiber.join(fiber))
      expect(detail).toMatch(/^upstream\/home: it is away for 60 seconds: /)
    }),
  )

  it.effect("Files go along, and a refusal names the limit of the gateway.", () =>
    Effect.gen(function* () {
      const attachment = { id: "f", name: "a.txt", type: "text/plain", size: 12 }
      const { connection, fiber } = yield* start({ text: "", attachments: [attachment] })
      const sent = yield* connection.expect("chat.send")
      const content = Buffer.from("content of f").toString("base64")
      expect(sent.params).toMatchObject({
        message: "",
        attachments: [{ fileName: "a.txt", mimeType: "text/plain", content }],
      })
      connection.refuse(sent, {
        code: "INVALID_REQUEST",
        message: "attachment a.txt: exceeds size limit (12 > 10 bytes)",
      })
      expect(yield* Effect.flip(Fiber.join(fiber))).toMatchObject({
        detail: expect.stringContaining("attachment a.txt: exceeds size limit (12 > 10 bytes)"),
      })
    }),
  )

  it.effect(
    "A message whose file is gone, or which is larger than a frame of the gateway, fails with the reason.",
    () =>
      Effect.gen(function* () {
        const lost = yield* start({ attachments: [{ id: "gone", name: "a.txt", type: "text/plain", size: 1 }] })
        expect(yield* Effect.flip(Fiber.join(lost.fiber))).toMatchObject({
          detail: "upstream/home: the file a.txt is gone: send it again",
        })
        const large = yield* start({ text: "x".repeat(1_000_001) })
        expect(yield* Effect.flip(Fiber.join(large.fiber))).toMatchObject({
          detail: expect.stringContaining("larger than the gateway accepts"),
        })
      }),
  )
})
