import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type { RuntimeEvent } from "../../../src/domain/Run.ts"
import type { Turn } from "../../../src/services/agents/AgentRuntime.ts"
import { echo, parse, words } from "../../../src/services/agents/EchoRuntime.ts"
import { agent } from "../../support/Agents.ts"
import { principal } from "../../support/Conversations.ts"

const turn = (text: string): Turn => ({
  agent: agent(),
  sessionKey: "s",
  runId: "r",
  attempt: 1,
  principal,
  model: "",
  thinking: undefined,
  steering: Effect.succeed([]),
  channel: null,
  peerId: null,
  history: Effect.die("The echo reads no history."),
  text,
  attachments: [],
})

const textOf = (events: ReadonlyArray<RuntimeEvent>, tag: "Text" | "Thinking" = "Text") =>
  events.flatMap((event) => (event._tag === tag ? [event.text] : [])).join("")

describe("EchoRuntime", () => {
  it.effect("It repeats the message word by word and counts tokens.", () =>
    Effect.gen(function* () {
      const events = yield* Stream.runCollect(echo.run(turn("one two")))
      expect(events).toEqual([
        { _tag: "Text", text: "echo:" },
        { _tag: "Text", text: " one" },
        { _tag: "Text", text: " two" },
        { _tag: "Usage", usage: { inputTokens: 2, outputTokens: 3, contextTokens: 5 } },
      ])
    }),
  )

  it.effect("It thinks, calls a tool and replies, in any order of the prefixes.", () =>
    Effect.gen(function* () {
      for (const prefix of ["/tool /think ", "/think /tool "]) {
        const events = yield* Stream.runCollect(echo.run(turn(`${prefix}hi`)))
        expect(textOf(events, "Thinking")).toBe("thinking about: hi")
        expect(textOf(events)).toBe("echo: hi")
        expect(events.filter(({ _tag }) => _tag.startsWith("Tool"))).toEqual([
          { _tag: "ToolStarted", callId: "call-1", name: "echo", input: '{"text":"hi"}' },
          { _tag: "ToolUpdated", callId: "call-1", text: "listening" },
          { _tag: "ToolEnded", callId: "call-1", output: "hi", isError: false },
        ])
      }
    }),
  )

  it.effect("The prefix /fail fails the run after the reply.", () =>
    Effect.gen(function* () {
      const output: Array<RuntimeEvent> = []
      const failed = yield* Effect.flip(
        Stream.runForEach(echo.run(turn("/fail x")), (e) => Effect.sync(() => output.push(e))),
      )
      expect(failed._tag).toBe("RuntimeFailed")
      expect(textOf(output)).toBe("echo: x")
    }),
  )

  it.effect("The prefix /slow spreads the reply over its time.", () =>
    Effect.gen(function* () {
      const output: Array<RuntimeEvent> = []
      const reading = yield* Effect.forkChild(
        Stream.runForEach(echo.run(turn("/slow 300 a b")), (event) => Effect.sync(() => output.push(event))),
      )
      for (const soFar of ["echo:", "echo: a", "echo: a b"]) {
        yield* TestClock.adjust(100)
        expect(textOf(output)).toBe(soFar)
      }
      yield* Fiber.join(reading)
    }),
  )

  it.each([
    ["/slow 20 /think /slow 30 x", { think: true, slowMs: 30, text: "x" }],
    ["/tool", { tool: true, text: "" }],
    ["/toolbox", { text: "/toolbox" }],
    ["/slow x", { text: "/slow x" }],
    ["say /tool ", { text: "say /tool " }],
  ])("It parses %j.", (message, expected) => {
    expect(parse(message)).toEqual({ tool: false, think: false, fail: false, slowMs: 0, ...expected })
  })

  it.prop(
    "The words of a text join to the same text.",
    [Schema.Array(Schema.Literals(["a", " ", "\n", "bc", "  "]))],
    ([parts]) => {
      const text = parts.join("")
      expect(words(text).join("")).toBe(text)
      expect(words(text).every((word) => word !== "")).toBe(true)
    },
  )
})
