import { describe, expect, it } from "@effect/vitest"
import type { Part } from "../../../src/services/models/ChatModel.ts"
import { OpenAiReader } from "../../../src/services/models/openai/OpenAiReader.ts"
import { ProviderProblems } from "../../../src/services/models/ProviderProblems.ts"

const problems = new ProviderProblems({
  name: "x",
  kind: "openai",
  headers: {},
  models: [],
  options: {},
  silenceMs: 1_000,
})

/** Reads the deltas of one answer, which ends with the reason. */
const read = (deltas: ReadonlyArray<unknown>, reason = "stop"): ReadonlyArray<Part> => {
  const reader = new OpenAiReader(problems)
  const parts = deltas.flatMap((delta) => reader.push({ choices: [{ delta }] }))
  return [...parts, ...reader.push({ choices: [{ delta: {}, finish_reason: reason }] }), ...reader.end()]
}

const callsOf = (parts: ReadonlyArray<Part>) =>
  parts.flatMap((part) => (part.type === "tool-call" ? [[part.name, part.params, part.metadata]] : []))

const call = (name: string, args: string, rest: object = {}) => ({ ...rest, function: { name, arguments: args } })

describe("OpenAiReader", () => {
  it.each([
    ["without indexes and ids", [{ tool_calls: [call("a", "{}")] }, { tool_calls: [call("b", '{"x":1}')] }]],
    [
      "that all have the index 0",
      [{ tool_calls: [call("a", "{}", { index: 0, id: "1" }), call("b", '{"x":1}', { index: 0, id: "2" })] }],
    ],
    [
      "that repeat their id and name",
      [
        { tool_calls: [call("a", "{", { index: 0, id: "1" }), call("b", "", { index: 1, id: "2" })] },
        { tool_calls: [call("a", "}", { index: 0, id: "1" }), { index: 1, function: { arguments: '{"x":1}' } }] },
      ],
    ],
  ])("Calls %s are told apart.", (_, deltas) => {
    const parts = read(deltas)
    expect(callsOf(parts)).toEqual([
      ["a", {}, undefined],
      ["b", { x: 1 }, undefined],
    ])
    expect(parts.at(-1)).toMatchObject({ type: "finish", reason: "tool-calls" })
    const ids = parts.flatMap((part) => (part.type === "tool-call" ? [part.id] : []))
    expect(new Set(ids).size).toBe(2)
  })

  it("The signature of a call stays with it.", () => {
    const extra_content = { google: { thought_signature: "abc" } }
    expect(callsOf(read([{ tool_calls: [call("a", "{}", { index: 0, id: "1", extra_content })] }]))).toEqual([
      ["a", {}, { openai: { extra: extra_content } }],
    ])
  })

  it("A thought in two fields counts once, and thoughts and texts in turn are blocks of their own.", () => {
    const parts = read([
      { reasoning: "one", reasoning_content: "one", content: null },
      { content: "A", tool_calls: null },
      { reasoning: "two" },
      { content: "B" },
    ])
    expect(parts.map(({ type }) => type)).toEqual([
      "reasoning-start",
      "reasoning-delta",
      "reasoning-end",
      "text-start",
      "text-delta",
      "text-end",
      "reasoning-start",
      "reasoning-delta",
      "reasoning-end",
      "text-start",
      "text-delta",
      "text-end",
      "finish",
    ])
  })

  it.each([null, 7, "text", [], { choices: null }, { choices: [null] }, { choices: [{ delta: { content: 7 } }] }])(
    "The chunk %j says nothing.",
    (chunk) => {
      expect(new OpenAiReader(problems).push(chunk)).toEqual([])
    },
  )

  it("A call without a name and an answer without an end are problems.", () => {
    expect(() => read([{ tool_calls: [{ index: 0, function: { arguments: "{}" } }] }])).toThrow("without a name")
    expect(() => new OpenAiReader(problems).end()).toThrow("before its end")
  })
})
