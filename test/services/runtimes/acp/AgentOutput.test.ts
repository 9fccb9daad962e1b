import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { RuntimeEvent } from "../../../../src/domain/Run.ts"
import { AgentOutput } from "../../../../src/services/runtimes/acp/AgentOutput.ts"
import { AgentUpdate } from "../../../../src/services/runtimes/acp/AgentUpdates.ts"

const decode = Schema.decodeUnknownSync(AgentUpdate)

/** Returns the events of the updates and of the end of the prompt. */
const eventsOf = (...updates: ReadonlyArray<object>) => {
  const output = new AgentOutput()
  return [...updates.flatMap((update) => output.next(decode(update))), ...output.end()]
}

const chunk = (content: object, more = {}) => ({ sessionUpdate: "agent_message_chunk", content, ...more })

const text = (text: string, more = {}) => chunk({ type: "text", text }, more)

const call = (fields: object) => ({ sessionUpdate: "tool_call_update", toolCallId: "1", ...fields })

const isRuntimeEvent = Schema.is(RuntimeEvent)

describe("AgentOutput", () => {
  it("Text after a tool call or of another message is a new paragraph.", () => {
    const events = eventsOf(
      text("a", { messageId: "1" }),
      text("b", { messageId: "1" }),
      text("c", { messageId: "2" }),
      call({ rawInput: { x: 1 }, status: "completed" }),
      text("d", { messageId: "2" }),
    )
    const spoken = events.map((event) => (event._tag === "Text" ? event.text : ""))
    expect(spoken.join("")).toBe("ab\n\nc\n\nd")
  })

  it.each([
    [{ type: "text", text: "plain" }, "plain"],
    [{ type: "resource_link", name: "a.txt", uri: "file:///a.txt" }, "[a.txt](file:///a.txt)"],
    [{ type: "resource", resource: { uri: "file:///a.txt", text: "inside" } }, "inside"],
  ])("The content %j becomes text.", (content, expected) => {
    expect(eventsOf(chunk(content))).toEqual([{ _tag: "Text", text: expected }])
  })

  it.each([
    [{ type: "image", data: "eA==", mimeType: "image/png" }, "[image]", { data: "eA==", type: "image/png" }],
    [
      { type: "audio", data: "eA==", mimeType: "audio/wav", uri: "file:///a.wav" },
      "[audio](file:///a.wav)",
      { data: "eA==", type: "audio/wav", name: "file:///a.wav" },
    ],
    [
      { type: "resource", resource: { uri: "file:///a.zip", blob: "eA==", mimeType: null } },
      "[resource](file:///a.zip)",
      { data: "eA==", name: "file:///a.zip" },
    ],
  ])("The content %j becomes a file, of the reply or of the tool's result.", (content, output, file) => {
    expect(eventsOf(chunk(content))).toEqual([
      { _tag: "Text", text: output },
      { _tag: "Files", files: [file] },
    ])
    const [, ended] = eventsOf(call({ status: "completed", content: [{ type: "content", content }] }))
    expect(ended).toEqual({ _tag: "ToolEnded", callId: "1", output, isError: false, files: [file] })
    expect([...eventsOf(chunk(content)), ended].every(isRuntimeEvent)).toBe(true)
  })

  it("A file with too long a name gets a part of it.", () => {
    const image = { type: "image", data: "", mimeType: "x".repeat(2_000), uri: "u".repeat(2_000) }
    expect(eventsOf(chunk(image)).every(isRuntimeEvent)).toBe(true)
  })

  it("A call starts when its input is known.", () => {
    const events = eventsOf(
      call({ sessionUpdate: "tool_call", title: "Read", kind: "read", status: "pending", rawInput: {} }),
      call({ rawInput: { path: "a" } }),
      call({ status: "completed", rawOutput: { lines: 3 } }),
    )
    expect(events).toEqual([
      { _tag: "ToolStarted", callId: "1", name: "read", input: '{"path":"a"}' },
      { _tag: "ToolEnded", callId: "1", output: '{"lines":3}', isError: false },
    ])
  })

  it("A call without input starts when it runs, with its title and its files as input.", () => {
    const [started] = eventsOf(
      call({ title: "Read a", kind: "other", status: "in_progress", locations: [{ path: "/a", line: 3 }] }),
    )
    expect(started).toEqual({
      _tag: "ToolStarted",
      callId: "1",
      name: "Read a",
      input: '{"title":"Read a","paths":["/a"]}',
    })
  })

  it("An update that changes nothing of the output is silent.", () => {
    const content = [{ type: "content", content: { type: "text", text: "half" } }]
    const events = eventsOf(
      call({ name: "bash", status: "in_progress", content }),
      call({ status: "in_progress" }),
      call({ content }),
      call({ status: "failed", content: null }),
    )
    expect(events.map(({ _tag }) => _tag)).toEqual(["ToolStarted", "ToolUpdated", "ToolEnded"])
    expect(events.at(-1)).toMatchObject({ output: "half", isError: true })
  })

  it("Calls that the agent leaves open end as failed.", () => {
    expect(eventsOf(call({ name: "bash", rawInput: "ls" })).at(-1)).toEqual({
      _tag: "ToolEnded",
      callId: "1",
      output: "The agent ended its turn without a result of this call.",
      isError: true,
    })
  })

  it("A plan that does not change is silent.", () => {
    const plan = { sessionUpdate: "plan", entries: [{ content: "Look", status: "in_progress" }] }
    expect(eventsOf(plan, plan)).toEqual([
      { _tag: "ToolStarted", callId: "plan", name: "plan", input: '{"entries":["Look"]}' },
      { _tag: "ToolUpdated", callId: "plan", text: "[~] Look" },
      { _tag: "ToolEnded", callId: "plan", output: "[~] Look", isError: false },
    ])
  })

  it.each([
    { sessionUpdate: "available_commands_update", availableCommands: [] },
    { sessionUpdate: "user_message_chunk", content: { type: "text", text: "me" } },
    { sessionUpdate: "agent_message_chunk", content: { type: 3 } },
    { sessionUpdate: "tool_call" },
    "nonsense",
    null,
  ])("The update %j has no form that the gateway reads.", (update) => {
    expect(Schema.is(AgentUpdate)(update)).toBe(false)
  })

  it.prop(
    "Every sequence of updates gives valid events, and each started call ends once.",
    [Schema.Array(AgentUpdate)],
    ([updates]) => {
      const events = eventsOf(...updates)
      expect(events.every(isRuntimeEvent)).toBe(true)
      const ids = (tag: "ToolStarted" | "ToolEnded") =>
        events.flatMap((event) => (event._tag === tag ? [event.callId] : [])).toSorted()
      expect(ids("ToolEnded")).toEqual(ids("ToolStarted"))
    },
  )
})
