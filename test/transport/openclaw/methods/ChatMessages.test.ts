/** ChatMessages: views of generated messages. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { READ_BYTES } from "../../../../src/domain/Attachment.ts"
import { isInHistory, Message } from "../../../../src/domain/Message.ts"
import { argumentsOf, messagesOf } from "../../../../src/transport/openclaw/methods/ChatMessages.ts"

describe("ChatMessages", () => {
  it.prop("Every message has one or two views with its time and its text.", [Message], ([message]) => {
    const views = messagesOf(message)
    const isTwo = {
      user: !isInHistory(message),
      assistant: message.failed !== undefined,
      tool: message.tool !== undefined,
      system: false,
    }
    expect(views.length).toBe(isTwo[message.role] ? 2 : 1)
    expect(new Set(views.map((view) => Object(view["__openclaw"]).id)).size).toBe(views.length)
    for (const view of views) expect(view["timestamp"]).toBe(message.at)
    if (message.role !== "tool") expect(JSON.stringify(views)).toContain(JSON.stringify(message.text).slice(1, -1))
  })

  it("A picture that is too large for an answer has an address, so that the Control UI takes its link.", () => {
    const blockOf = (size: number) => {
      const attachments = [{ id: "a".repeat(64), name: "cat.png", type: "image/png", size }]
      const facts = { id: 1, sessionKey: "agent:main:main", runId: null, role: "user", text: "", at: 0 } as const
      return Object(messagesOf({ ...facts, attachments })[0]!["content"])[0]
    }
    expect(blockOf(READ_BYTES)).not.toHaveProperty("url")
    expect(blockOf(READ_BYTES + 1)).toMatchObject({
      url: `/api/chat/media/outgoing/agent%3Amain%3Amain/${"a".repeat(64)}/full`,
    })
  })

  it.prop("The input of a tool becomes an object, also if it is not JSON.", [Schema.String], ([input]) => {
    expect(Object.prototype.toString.call(argumentsOf(input))).toBe("[object Object]")
    expect(argumentsOf(JSON.stringify({ input }))).toEqual({ input: input.toWellFormed() })
  })
})
