import { describe, expect, it } from "@effect/vitest"
import * as Prompt from "effect/ai/Prompt"
import * as Schema from "effect/Schema"
import { userMessage } from "../../../../src/services/runtimes/model/History.ts"
import { tokensOfMessages } from "../../../../src/services/runtimes/model/TokenEstimate.ts"
import {
  SHORT_RESULT_CHARS,
  shortenedResult,
  trimmed,
  unitsOf,
} from "../../../../src/services/runtimes/model/Trimming.ts"

const Size = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 6_000 }))

const Kind = Schema.Union([
  Schema.Struct({ kind: Schema.Literals(["user", "assistant"]), size: Size }),
  Schema.Struct({ kind: Schema.Literal("tools"), sizes: Schema.NonEmptyArray(Size) }),
])
type Kind = typeof Kind.Type

const isPair = ({ kind }: Kind) => kind === "tools"

/** Makes the messages of an entry. Each has the number of the entry, so that the test recognizes it. */
const messagesOf = (entry: Kind, n: number): ReadonlyArray<Prompt.Message> => {
  switch (entry.kind) {
    case "user":
      return [userMessage(`${n} ${"u".repeat(entry.size)}`)]
    case "assistant":
      return [Prompt.assistantMessage({ content: [Prompt.textPart({ text: `${n} ${"a".repeat(entry.size)}` })] })]
    case "tools":
      return [
        Prompt.assistantMessage({
          content: entry.sizes.map((_, i) =>
            Prompt.toolCallPart({ id: `${n}-${i}`, name: "t", params: {}, providerExecuted: false }),
          ),
        }),
        Prompt.toolMessage({
          content: entry.sizes.map((size, i) =>
            Prompt.toolResultPart({
              id: `${n}-${i}`,
              name: "t",
              isFailure: false,
              result: "r".repeat(size),
              providerExecuted: false,
            }),
          ),
        }),
      ]
  }
}

const Conversation = Schema.Struct({
  past: Schema.Array(Kind),
  question: Size,
  run: Schema.Array(Kind),
  budget: Schema.Int.check(Schema.isBetween({ minimum: -100, maximum: 8_000 })),
})

const build = ({ past, question, run }: typeof Conversation.Type) => {
  const own = run.filter(isPair)
  const entries: ReadonlyArray<Kind> = [...past, { kind: "user", size: question }, ...own]
  return { entries, messages: entries.flatMap(messagesOf), newestUser: past.length }
}

const callIds = (messages: ReadonlyArray<Prompt.Message>, type: "tool-call" | "tool-result") =>
  messages.flatMap(({ content }) =>
    typeof content === "string" ? [] : content.flatMap((part) => (part.type === type ? [part.id] : [])),
  )

const results = (messages: ReadonlyArray<Prompt.Message>) =>
  messages.flatMap(({ content }) =>
    typeof content === "string"
      ? []
      : content.flatMap((part) => (part.type === "tool-result" ? [String(part.result)] : [])),
  )

describe("trimmed", () => {
  it.prop("A conversation that fits stays as it is.", [Conversation], ([conversation]) => {
    const { messages } = build(conversation)
    expect(trimmed(messages, tokensOfMessages(messages))).toBe(messages)
  })

  it.prop("Every call keeps its result, and every result its call.", [Conversation], ([conversation]) => {
    const kept = trimmed(build(conversation).messages, conversation.budget)
    expect(callIds(kept, "tool-call")).toEqual(callIds(kept, "tool-result"))
  })

  it.prop(
    "The newest user's message and the newest unit stay whole, in their order.",
    [Conversation],
    ([conversation]) => {
      const { messages } = build(conversation)
      const kept = trimmed(messages, conversation.budget)
      const newestUser = messages.findLast(({ role }) => role === "user")
      expect(kept).toContain(newestUser)
      expect(callIds(unitsOf(kept).at(-1)!, "tool-call")).toEqual(callIds(unitsOf(messages).at(-1)!, "tool-call"))
      const order = kept.map((message) =>
        messages.findIndex(({ content, role }) => role === message.role && content[0] === message.content[0]),
      )
      const known = order.filter((index) => index >= 0)
      expect(known).toEqual(known.toSorted((a, b) => a - b))
    },
  )

  it.prop(
    "The result fits, or nothing but the newest user's message and unit is left.",
    [Conversation],
    ([conversation]) => {
      const kept = trimmed(build(conversation).messages, conversation.budget)
      if (tokensOfMessages(kept) > conversation.budget) expect(unitsOf(kept).length).toBeLessThanOrEqual(2)
    },
  )

  it.prop(
    "Before a message of the past is dropped, all results of the past are short.",
    [Conversation],
    ([conversation]) => {
      const { messages } = build(conversation)
      const kept = trimmed(messages, conversation.budget)
      const isDropped = kept.length < messages.length
      const newestUser = kept.findLastIndex(({ role }) => role === "user")
      if (!isDropped) return
      for (const result of results(kept.slice(0, newestUser)))
        expect(result.length).toBeLessThanOrEqual(SHORT_RESULT_CHARS)
    },
  )

  it.prop("The run is not touched while the past has something left.", [Conversation], ([conversation]) => {
    const { messages } = build(conversation)
    const kept = trimmed(messages, conversation.budget)
    const runOf = (list: ReadonlyArray<Prompt.Message>) => list.slice(list.findLastIndex(({ role }) => role === "user"))
    if (kept.length > runOf(kept).length) expect(runOf(kept)).toEqual(runOf(messages))
  })

  it.prop("A second cut changes nothing.", [Conversation], ([conversation]) => {
    const { messages } = build(conversation)
    const kept = trimmed(messages, conversation.budget)
    expect(trimmed(kept, conversation.budget)).toEqual(kept)
  })
})

describe("shortenedResult", () => {
  it("A long result keeps its beginning and its end.", () => {
    const text = `begin${"x".repeat(5_000)}end`
    const short = shortenedResult(text, 100)
    expect(short).toMatch(/^beginx+\n\[4958 characters are left out here\.\]\nx+end$/)
    expect(shortenedResult("short", 100)).toBe("short")
  })

  it("A cut never leaves half a character.", () => {
    for (let max = 0; max < 60; max++) expect(shortenedResult("\u{1f319}".repeat(50), max).isWellFormed()).toBe(true)
  })
})
