/** The state machine of the client's side, without a socket. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { Conversation, type ConversationFacts, type Outputs } from "../../src/openclaw-client/Conversation.ts"
import { noSubscriptions } from "../../src/openclaw-client/Subscriptions.ts"
import { HELLO } from "../support/ScriptedUpstream.ts"

const frame = (value: unknown) => JSON.stringify(value)
const event = (seq: number) => frame({ type: "event", event: "e", payload: seq, seq })
const challenge = (more: object = {}) =>
  frame({ type: "event", event: "connect.challenge", payload: { nonce: "n", ts: 1, ...more } })
const hello = (more: object = {}) => frame({ type: "res", id: "hello", ok: true, payload: { ...HELLO, ...more } })

const begin = (facts: Partial<ConversationFacts> = {}) =>
  new Conversation({
    connectId: "hello",
    connect: ({ nonce }) => ({ nonce }),
    subscriptions: noSubscriptions,
    position: undefined,
    ...facts,
  })

const tags = (outputs: Outputs) => outputs.map(({ _tag }) => _tag)

const joined = (facts: Partial<ConversationFacts> = {}) => {
  const conversation = begin(facts)
  conversation.read(challenge())
  conversation.read(hello())
  return conversation
}

describe("Conversation", () => {
  it("The challenge is answered by `connect`, and hello-ok joins.", () => {
    const conversation = begin()
    const [connect] = conversation.read(challenge())
    expect(connect).toMatchObject({ _tag: "Send" })
    expect(JSON.parse(connect?._tag === "Send" ? connect.text : "")).toEqual({
      type: "req",
      id: "hello",
      method: "connect",
      params: { nonce: "n" },
    })
    expect(tags(conversation.read(hello()))).toEqual(["Hello", "Joined"])
  })

  it("Frames before the answer to `connect` are ignored.", () => {
    const conversation = begin()
    conversation.read(challenge())
    expect(conversation.read(event(1))).toEqual([])
    expect(conversation.read(frame({ type: "res", id: "other", ok: true }))).toEqual([])
    expect(conversation.read("junk")).toEqual([])
    expect(tags(conversation.read(hello()))).toEqual(["Hello", "Joined"])
  })

  it("The device token of hello-ok is in no published fact.", () => {
    const conversation = begin()
    conversation.read(challenge())
    const outputs = conversation.read(hello({ auth: { role: "operator", scopes: [], deviceToken: "secret-token" } }))
    expect(JSON.stringify(outputs)).not.toContain("secret-token")
    expect(outputs[0]).toMatchObject({ _tag: "Hello", deviceToken: expect.anything() })
  })

  it("Nothing follows a refusal.", () => {
    const conversation = begin()
    conversation.read(challenge())
    const error = { code: "INVALID_REQUEST", message: "no" }
    const [end] = conversation.read(frame({ type: "res", id: "hello", ok: false, error }))
    expect(end).toEqual({ _tag: "End", ending: { _tag: "Refused", error } })
    expect(conversation.read(hello())).toEqual([])
  })

  it("An answer reaches its request once, and then is unknown.", () => {
    const conversation = joined()
    conversation.request("r1", "health", {})
    const answer = frame({ type: "res", id: "r1", ok: true, payload: 1 })
    expect(conversation.read(answer)).toEqual([{ _tag: "Answer", id: "r1", result: { _tag: "Payload", payload: 1 } }])
    expect(conversation.read(answer)).toEqual([{ _tag: "Stray", id: "r1" }])
    conversation.request("r2", "health", {})
    conversation.forget("r2")
    expect(tags(conversation.read(frame({ type: "res", id: "r2", ok: true })))).toEqual(["Stray"])
  })

  it.prop(
    "For every sequence of numbers, the delivered events ascend, and every gap is reported.",
    [Schema.Array(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })))],
    ([numbers]) => {
      const conversation = joined()
      const delivered: Array<number> = []
      let last: number | undefined
      for (const seq of numbers) {
        const outputs = conversation.read(event(seq))
        const hasGap = last !== undefined && seq > last + 1
        const isRepeated = last !== undefined && seq <= last
        expect(tags(outputs)).toEqual(isRepeated ? [] : hasGap ? ["Joined", "Event"] : ["Event"])
        if (!isRepeated) delivered.push((last = seq))
      }
      expect(delivered).toEqual([...new Set(delivered)].toSorted((a, b) => a - b))
    },
  )

  it.prop("Any text leaves the conversation able to join and to answer.", [Schema.Array(Schema.String)], ([junk]) => {
    const conversation = joined()
    for (const text of junk) expect(tags(conversation.read(text))).toEqual(["Unreadable"])
    conversation.request("r", "health", {})
    expect(tags(conversation.read(frame({ type: "res", id: "r", ok: true })))).toEqual(["Answer"])
  })

  it("Subscriptions follow the answers of the gateway, not the requests.", () => {
    const conversation = joined()
    const ask = (id: string, method: string, key: string | undefined, ok: boolean) => {
      conversation.request(id, method, key === undefined ? {} : { key })
      conversation.read(frame({ type: "res", id, ok, payload: {}, error: ok ? null : { code: "x", message: "y" } }))
    }
    ask("1", "sessions.messages.subscribe", "a", true)
    ask("2", "sessions.messages.subscribe", "b", false)
    ask("3", "sessions.subscribe", undefined, true)
    expect(conversation.subscriptions).toEqual({ sessions: true, messages: ["a"] })
    ask("4", "sessions.messages.unsubscribe", "a", true)
    ask("5", "sessions.unsubscribe", undefined, false)
    expect(conversation.subscriptions).toEqual({ sessions: true, messages: [] })
  })

  it("A gateway that cannot resume gets the subscriptions again and is asked for a snapshot.", () => {
    const conversation = begin({
      subscriptions: { sessions: true, messages: ["a"] },
      position: { epoch: "old", seq: 9 },
    })
    conversation.read(challenge({ capabilities: ["resume"] }))
    const outputs = conversation.read(
      hello({ position: { epoch: "new", seq: 3 }, resume: { resumed: false, reason: "epoch" } }),
    )
    expect(tags(outputs)).toEqual(["Hello", "Send", "Send"])
    expect(conversation.read(frame({ type: "res", id: "restore:0", ok: true }))).toEqual([])
    expect(conversation.read(frame({ type: "res", id: "restore:1", ok: true }))).toMatchObject([
      { _tag: "Joined", reset: "connected" },
    ])
    expect(conversation.position).toEqual({ epoch: "new", seq: 3 })
  })
})
