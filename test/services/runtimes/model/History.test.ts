import { describe, expect, it } from "@effect/vitest"
import type { Message, MessageRole } from "../../../../src/domain/Message.ts"
import { alternating, historyOf, userMessage } from "../../../../src/services/runtimes/model/History.ts"
import { shown } from "../../../support/ScriptedModels.ts"

let lastId = 0

const message = (role: MessageRole, text: string, rest: Partial<Message> = {}): Message => ({
  id: ++lastId,
  sessionKey: "s",
  runId: "r",
  role,
  text,
  at: 0,
  ...rest,
})

const tool = (name: string, input: string, output: string, rest: Partial<Message> = {}): Message =>
  message("tool", output, { tool: { callId: "call-1", name, input, output, isError: false }, ...rest })

const promptOf = (transcript: ReadonlyArray<Message>, ...tools: ReadonlyArray<string>) =>
  historyOf(transcript, new Set(tools)).units.flatMap(({ unit }) => unit)

describe("historyOf", () => {
  it("Texts become messages, without thinking and without empty replies.", () => {
    const transcript = [
      message("user", "hi"),
      message("assistant", "hello", { thinking: "hm" }),
      message("user", "go"),
      message("assistant", "", { thinking: "only thought", aborted: true }),
    ]
    expect(promptOf(transcript).map(shown)).toEqual(["user: hi", "assistant: hello", "user: go"])
  })

  it("The calls of a run become one step with results under the same ids, although the transcript repeats ids.", () => {
    const transcript = [
      message("user", "a"),
      tool("t", '{"x":1}', "one"),
      tool("t", "[1]", "two"),
      message("assistant", "b"),
      tool("t", "no json", "three", { runId: "other" }),
    ]
    const [, calls, results, , call, result] = promptOf(transcript, "t")
    expect([calls, results, call, result].map((found) => shown(found!))).toEqual([
      'assistant: t({"x":1}) | t({"input":[1]})',
      "tool: result one | result two",
      'assistant: t({"input":"no json"})',
      "tool: result three",
    ])
    const ids = [calls, call].flatMap((found) => (found!.content as ReadonlyArray<{ id: string }>).map(({ id }) => id))
    expect(new Set(ids).size).toBe(3)
  })

  it("The calls of an aborted run, which has no reply, keep their results.", () => {
    const transcript = [message("user", "a"), tool("t", "{}", "one"), message("user", "b"), tool("t", "{}", "two")]
    expect(promptOf(transcript, "t").map(({ role }) => role)).toEqual([
      "user",
      "assistant",
      "tool",
      "user",
      "assistant",
      "tool",
    ])
  })

  it("A tool that the agent does not have now becomes a note.", () => {
    const transcript = [message("user", "a"), tool("Read file", '{"path":"x"}', "text"), message("assistant", "b")]
    expect(promptOf(transcript, "t").map(shown)).toEqual([
      "user: a",
      'user: [Note: a tool "Read file" was called with {"path":"x"}. It returned: text]',
      "assistant: b",
    ])
  })

  it("A note of an operator becomes a message of the user, and the summary stands apart.", () => {
    const transcript = [
      message("system", "They met.", { summaryUpTo: 3 }),
      message("system", "The office is closed."),
      message("user", "a"),
    ]
    expect(historyOf(transcript, new Set()).summary).toBe("They met.")
    expect(promptOf(transcript).map(shown)).toEqual(["user: [Note: The office is closed.]", "user: a"])
  })

  it("Each unit names the newest message in it.", () => {
    const transcript = [message("user", "a"), tool("t", "{}", "1"), tool("t", "{}", "2"), message("assistant", "b")]
    const [first, , third, fourth] = transcript
    expect(historyOf(transcript, new Set(["t"])).units.map(({ upTo }) => upTo)).toEqual([
      first!.id,
      third!.id,
      fourth!.id,
    ])
  })
})

describe("alternating", () => {
  it("A conversation that begins with the assistant gets a note of the user before it.", () => {
    expect(alternating(promptOf([message("assistant", "hello")])).map(shown)).toEqual([
      "user: [Note: the earlier part of this conversation is left out.]",
      "assistant: hello",
    ])
  })

  it("Neighbouring texts of one author become one message, and calls stay apart.", () => {
    const calls = promptOf([tool("t", "{}", "1"), message("user", "x"), tool("t", "{}", "2")], "t")
    const messages = [userMessage("a"), userMessage("b"), ...calls]
    expect(alternating(messages).map(shown)).toEqual([
      "user: a\n\nb",
      "assistant: t({})",
      "tool: result 1",
      "user: x",
      "assistant: t({})",
      "tool: result 2",
    ])
  })
})
