/** Conversation: the text of a turn from the messages of a request. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { turnOf, type Utterance } from "../../../src/transport/openai/Conversation.ts"

const Conversation = Schema.Array(
  Schema.Struct({ role: Schema.Literals(["system", "user", "assistant", "tool"]), text: Schema.String }),
)

const turnText = (conversation: ReadonlyArray<Utterance>, isKept: boolean) => turnOf(conversation, isKept)?.text

const say = (role: Utterance["role"], text: string): Utterance => ({ role, text })

describe("turnOf", () => {
  it("A message alone is the text.", () => {
    expect(turnText([say("user", "hello")], false)).toBe("hello")
  })

  it("The text has the instructions, the earlier messages and the new message.", () => {
    const conversation = [say("system", "Be brief."), say("user", "hello"), say("assistant", "hi"), say("user", "and?")]
    expect(turnText(conversation, false)).toBe(
      "<instructions>\nBe brief.\n</instructions>\n\n" +
        "<conversation>\n<user>\nhello\n</user>\n<assistant>\nhi\n</assistant>\n</conversation>\n\nand?",
    )
  })

  it("A session that keeps its messages gets the messages since the last reply.", () => {
    const conversation = [say("user", "hello"), say("assistant", "hi"), say("user", "and?"), say("user", "well?")]
    expect(turnText(conversation, true)).toBe("and?\n\nwell?")
  })

  it.each([[[]], [[say("system", "x")]], [[say("user", "")]], [[say("user", "x"), say("assistant", "y")]]])(
    "A conversation without a last message of the user has no text.",
    (conversation) => {
      expect(turnText(conversation, false)).toBeUndefined()
    },
  )

  it("A turn has the files of the messages in it, and a file needs no text.", () => {
    const file = (data: string) => ({ role: "user" as const, text: "", files: [{ data }] })
    const conversation = [file("one"), say("assistant", "hi"), file("two")]
    expect(turnOf(conversation, true)).toEqual({ text: "", attachments: [{ data: "two" }] })
    expect(turnOf(conversation, false)?.attachments).toEqual([{ data: "one" }, { data: "two" }])
  })

  it.prop(
    "A turn holds every text of its conversation, and the user's last words come last.",
    [Conversation],
    ([conversation]) => {
      const text = turnText(conversation, false)
      if (text === undefined) return
      for (const { text: part } of conversation) expect(text).toContain(part)
      const last = conversation.findLast(({ role, text }) => role === "user" && text !== "")
      expect(text.endsWith(last!.text)).toBe(true)
    },
  )
})
