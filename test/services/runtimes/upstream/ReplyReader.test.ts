import { describe, expect, it } from "@effect/vitest"
import type { RuntimeEvent } from "../../../../src/domain/Run.ts"
import { ReplyReader } from "../../../../src/services/runtimes/upstream/ReplyReader.ts"
import { find } from "../../../../src/services/runtimes/upstream/StoredRun.ts"

const chat = (values: object) => ({ event: "chat", payload: { runId: "r", sessionKey: "s", ...values } })
const agent = (stream: string, data: object) => ({ event: "agent", payload: { runId: "r", stream, data } })
const message = (text: string) => ({ role: "assistant", content: [{ type: "text", text }] })

const read = (...events: ReadonlyArray<{ event: string; payload: unknown }>) => {
  const reader = new ReplyReader("r")
  const all = events.map((event) => reader.read(event))
  return { events: all.flatMap(({ events }) => events), end: all.at(-1)?.end }
}

const textIn = (events: ReadonlyArray<RuntimeEvent>) =>
  events.map((event) => (event._tag === "Text" ? event.text : "")).join("")

describe("ReplyReader", () => {
  it.each([
    ["pieces", [chat({ state: "delta", deltaText: "a " }), chat({ state: "delta", deltaText: "b" })]],
    [
      "whole texts",
      [chat({ state: "delta", message: message("a ") }), chat({ state: "delta", message: message("a b") })],
    ],
    [
      "replacements",
      [chat({ state: "delta", deltaText: "a" }), chat({ state: "delta", deltaText: "a b", replace: true })],
    ],
    [
      "repeated whole texts",
      [
        chat({ state: "delta", deltaText: "a b", message: message("a b") }),
        chat({ state: "delta", message: message("a b") }),
      ],
    ],
    ["only the end", []],
  ])("A reply that comes as %s has its text once.", (_, deltas) => {
    const { end, events } = read(...deltas, chat({ state: "final", message: message("a b") }))
    expect(textIn(events)).toBe("a b")
    expect(end).toEqual({})
  })

  it("Thoughts, steps of tools and usage become events.", () => {
    const { events } = read(
      agent("thinking", { text: "hm", delta: "hm" }),
      agent("thinking", { text: "hm ok", delta: " ok" }),
      agent("tool", { phase: "start", name: "search", toolCallId: "1", args: { q: "x" } }),
      agent("tool", { phase: "update", toolCallId: "1", partialResult: { content: [{ type: "text", text: "…" }] } }),
      agent("tool", {
        phase: "result",
        toolCallId: "1",
        isError: false,
        result: { content: [{ type: "text", text: "y" }] },
      }),
      chat({ state: "final", message: message("z"), usage: { input: 3, output: 2, cacheRead: 1 } }),
    )
    expect(events).toEqual([
      { _tag: "Thinking", text: "hm" },
      { _tag: "Thinking", text: " ok" },
      { _tag: "ToolStarted", callId: "1", name: "search", input: '{"q":"x"}' },
      { _tag: "ToolUpdated", callId: "1", text: "…" },
      { _tag: "ToolEnded", callId: "1", output: "y", isError: false },
      { _tag: "Text", text: "z" },
      { _tag: "Usage", usage: { inputTokens: 4, outputTokens: 2, cachedInputTokens: 1 } },
    ])
  })

  it.each([
    [{ state: "aborted", stopReason: "rpc" }, "the run was aborted there"],
    [{ state: "error", errorMessage: "no credit" }, "no credit"],
    [{ state: "error" }, "the run failed there"],
  ])("A run that ends as %j fails with the reason.", (payload, problem) => {
    expect(read(chat(payload)).end).toEqual({ problem })
  })

  it("Other runs and unreadable events have no output.", () => {
    const foreign = [chat({ runId: "other", state: "final" }), chat({ state: 5 }), agent("tool", { phase: "start" })]
    expect(read(...foreign)).toEqual({ events: [], end: undefined })
  })
})

describe("StoredRun", () => {
  const user = { role: "user", content: "hi", idempotencyKey: "r:user" }

  it.each([
    ["Unknown", { messages: [{ role: "user", content: "hi" }] }, { _tag: "Unknown" }],
    ["Unknown", "nonsense", { _tag: "Unknown" }],
    ["Running", { messages: [], inFlightRun: { runId: "r", text: "so far" } }, { _tag: "Running", text: "so far" }],
    ["Running", { messages: [user], sessionInfo: { activeRunIds: ["r"] } }, { _tag: "Running" }],
    [
      "Replied",
      { messages: [user, message("one"), message("two"), { ...user, idempotencyKey: "s:user" }, message("three")] },
      { _tag: "Replied", text: "two" },
    ],
    [
      "Ended",
      { messages: [user, { ...message(""), errorMessage: "no credit" }] },
      { _tag: "Ended", problem: "no credit" },
    ],
    ["Ended", { messages: [user] }, { _tag: "Ended", problem: "the run ended there without a reply" }],
  ])("A run is %s in the history %j.", (_, history, stored) => {
    expect(find(history, "r")).toEqual(stored)
  })
})
