import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { promptOf, unseenBy } from "../../../../src/services/runtimes/acp/AgentPrompt.ts"

const message = (role: "user" | "assistant" | "system", text: string, runId: string | null = null) => ({
  role,
  text,
  runId,
})

const RunIds = Schema.Array(Schema.NullOr(Schema.Literals(["r1", "r2", "r3"]))).check(Schema.isMaxLength(12))

describe("AgentPrompt", () => {
  it.prop("The messages after the last answered run are unseen, and no others.", [RunIds], ([runIds]) => {
    const history = runIds.map((runId) => ({ runId }))
    const unseen = unseenBy("r1", history)
    if (!runIds.includes("r1")) return expect(unseen).toBeUndefined()
    expect(unseen?.some(({ runId }) => runId === "r1")).toBe(false)
    expect([...history.slice(0, history.length - unseen!.length), ...unseen!]).toEqual(history)
    expect(history.at(-1 - unseen!.length)).toEqual({ runId: "r1" })
  })

  it("A message alone is the whole prompt.", () => {
    expect(promptOf({ instruction: "", unseen: [], text: "hi" })).toEqual(["hi"])
  })

  it("The instruction and the history come before the message, in a block of their own.", () => {
    const tool = { callId: "1", name: "read", input: "{}", output: "file", isError: false }
    const unseen = [message("user", "a", "r1"), { ...message("system", ""), tool }, message("assistant", "b", "r1")]
    expect(promptOf({ instruction: "Be brief.", unseen, text: "hi" })).toEqual([
      "<instructions>\nBe brief.\n</instructions>\n\n<conversation-so-far>\nuser: a\n\ntool read: file\n\nassistant: b\n</conversation-so-far>",
      "hi",
    ])
  })

  it("A long history keeps its newest messages, and each is shortened.", () => {
    const unseen = Array.from({ length: 50 }, (_, n) => message("user", `${n} ${"x".repeat(30_000)}`))
    const [history = ""] = promptOf({ instruction: "", unseen, text: "hi" })
    expect(history.length).toBeLessThan(101_000)
    expect(history).toContain("(Older messages are left out.)\n\nuser: 46 xxx")
    expect(history).toContain("user: 49 xxx")
  })
})
