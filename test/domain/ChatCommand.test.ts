import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { COMMANDS, helpText, parse, settingText, statusText, stoppedText } from "../../src/domain/ChatCommand.ts"
import { agent } from "../support/Agents.ts"

const Blanks = Schema.Literals(["", " ", "\n", "\t  \r\n"])

describe("parse", () => {
  it.prop(
    "A command is recognized in any case and with blanks around it.",
    [Schema.Literals(["/stop", "/STATUS", "/New", "/reset"]), Blanks, Blanks],
    ([word, before, after]) => {
      const name = word.slice(1).toLowerCase()
      const rest = name === "new" || name === "reset" ? { text: "" } : {}
      expect(parse(`${before}${word}${after}`)).toEqual({ name, ...rest })
    },
  )

  it("The commands /new and /reset may contain the first message of the new conversation.", () => {
    expect(parse("/new  what is\nthe time? ")).toEqual({ name: "new", text: "what is\nthe time?" })
    expect(parse("/reset\nhello")).toEqual({ name: "reset", text: "hello" })
  })

  it("The command /approve names an approval and a decision, or nothing that can be decided.", () => {
    const verdict = { id: "3f2a", decision: "allow-once" }
    expect(parse("/approve 3f2a  allow-once ")).toEqual({ name: "approve", verdict })
    for (const text of ["/approve", "/approve 3f2a", "/approve 3f2a yes", "/approve 3f2a deny it", "/approve deny"]) {
      expect(parse(text)).toEqual({ name: "approve", verdict: undefined })
    }
  })

  it("The command /answer has the id of a question and the rest as the answer.", () => {
    expect(parse("/answer 3f2a  dark  blue ")).toEqual({ name: "answer", id: "3f2a", text: "dark  blue" })
    expect(parse("/answer 3f2a")).toEqual({ name: "answer", id: "3f2a", text: "" })
    expect(parse("/answer")).toEqual({ name: "answer", id: "", text: "" })
  })

  it("A setting is shown, set or removed. Other arguments are for the agent.", () => {
    expect(parse("/queue")).toEqual({ name: "queue", value: undefined })
    expect(parse("/queue Steer ")).toEqual({ name: "queue", value: "steer" })
    expect(parse("/think HIGH")).toEqual({ name: "think", value: "high" })
    expect(parse("/model a/B-1")).toEqual({ name: "model", value: "a/B-1" })
    for (const name of ["model", "think", "queue"]) expect(parse(`/${name} default`)).toEqual({ name, value: null })
    for (const text of ["/think about it", "/think hard", "/queue up", "/model of a plane", "/compact x", "/help me"]) {
      expect(parse(text)).toBeUndefined()
    }
  })

  it("A message that only begins like a command, or contains one, goes to the agent.", () => {
    for (const text of [
      "",
      "stop",
      "/",
      "/stopp",
      "/stop it",
      "/status?",
      "please /stop",
      "/newer",
      "//stop",
      "/ stop",
    ]) {
      expect(parse(text)).toBeUndefined()
    }
  })

  it.prop("A message that does not begin with a slash goes to the agent.", [Schema.String], ([text]) => {
    if (!text.trim().startsWith("/")) expect(parse(text)).toBeUndefined()
  })
})

describe("Answers", () => {
  it("The answer to /help lists every command that exists.", () => {
    for (const { name } of COMMANDS) {
      expect(helpText()).toContain(`/${name}`)
      expect(parse(`/${name}`)?.name).toBe(name)
    }
  })

  it("The answer to a setting names its value, and the agent's if the session has none.", () => {
    expect(settingText("queue", "steer", "collect")).toBe("Queue mode: steer")
    expect(settingText("queue", null, "collect")).toBe("Queue mode: collect (the agent's setting)")
    expect(settingText("queue", undefined, undefined)).toBe("Queue mode: followup")
    expect(settingText("model", null, "")).toBe("Model: default")
  })

  it("The answer to /stop says how many runs were stopped.", () => {
    expect([0, 1, 2].map(stoppedText)).toEqual(["Nothing runs in this session.", "Stopped.", "Stopped 2 runs."])
  })

  it("The answer to /status describes a session without messages.", () => {
    const facts = {
      sessionKey: "s",
      session: undefined,
      agent: agent({ dmScope: "main" }),
      runtime: "echo",
      running: 0,
      waiting: 0,
    }
    expect(statusText(facts).split("\n").slice(1)).toEqual([
      "Session: s",
      "Agent: Main (main)",
      "Runtime: echo",
      "Thinking: default",
      "Queue mode: followup",
      "Messages: 0",
      "Tokens: 0, in context: 0",
      "Runs: 0 running, 0 waiting",
    ])
  })
})
