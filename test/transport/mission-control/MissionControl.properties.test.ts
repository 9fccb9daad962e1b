/** MissionControl: properties of a conversation without a socket, for generated messages. */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { Principal } from "../../../src/domain/Principal.ts"
import type { Inbound } from "../../../src/transport/dialect/Dialect.ts"
import { channels } from "../../../src/transport/mission-control/MessagesIn.ts"
import { missionControl } from "../../../src/transport/mission-control/MissionControl.ts"
import type { View } from "../../../src/transport/mission-control/Events.ts"

const operator: Principal = { id: "operator", kind: "token", role: "operator", scopes: ["operator.admin"] }

const converse = () =>
  missionControl.converse({
    connectionId: "c42",
    resumeError: () => null,
    present: () => [],
    stopping: false,
    origin: { remoteAddress: "127.0.0.1", direct: true, originAllowed: true },
    pushes: true,
    subscriptions: { refusal: () => undefined, changed: () => {} },
    now: () => 1_700_000_000_000,
    head: () => ({ epoch: "e", seq: 7 }),
  })

const Word = Schema.Literals([
  ...channels,
  "subscribe",
  "unsubscribe",
  "request",
  "ping",
  "authenticate",
  "write_file",
  "create_file",
  "session_history",
  "file",
  "status",
  "__proto__",
  "../x",
  "2026-01-01",
  "",
])
const Value: Schema.Codec<unknown> = Schema.Union([
  Word,
  Schema.String,
  Schema.Finite,
  Schema.Null,
  Schema.Boolean,
  Schema.Array(Schema.Union([Word, Schema.String, Schema.Finite, Schema.Null])),
  Schema.Record(Word, Schema.Union([Schema.String, Schema.Finite])),
  Schema.Struct({ epoch: Schema.String, seq: Schema.Int }),
])
const Fields = Schema.Struct({
  type: Schema.optionalKey(Value),
  channels: Schema.optionalKey(Value),
  after: Schema.optionalKey(Value),
  resource: Schema.optionalKey(Value),
  sessionKey: Schema.optionalKey(Value),
  limit: Schema.optionalKey(Value),
  date: Schema.optionalKey(Value),
  content: Schema.optionalKey(Value),
  template: Schema.optionalKey(Value),
  token: Schema.optionalKey(Value),
})
const Frame = Schema.Union([Schema.String, Fields, Value])

const textOf = (frame: unknown): string => (typeof frame === "string" ? frame : JSON.stringify(frame))

/** Returns whether clients can read the text: an object with a type and a payload. */
const isMessage = (text: string): boolean => {
  const message: unknown = JSON.parse(text)
  return typeof message === "object" && message !== null && "type" in message && "payload" in message
}

const check = (inbound: Inbound): void => {
  if (inbound._tag === "Send") expect(isMessage(inbound.text)).toBe(true)
  if (inbound._tag === "Call") expect(missionControl.methods?.has(inbound.method)).toBe(true)
}

describe("MissionControl decoding", () => {
  it.prop(
    "Any text gets an answer, whatever came before it.",
    [Schema.Array(Frame)],
    ([frames]) => {
      const conversation = converse()
      for (const frame of frames) {
        const inbound = conversation.read(textOf(frame), operator)
        expect(inbound.length).toBeGreaterThan(0)
        inbound.forEach(check)
      }
    },
    { arbitrary: { runs: 2_000, size: 40 } },
  )

  it.prop(
    "An unauthenticated client may only authenticate.",
    [Schema.Array(Frame)],
    ([frames]) => {
      const conversation = converse()
      for (const frame of frames) {
        for (const { _tag } of conversation.read(textOf(frame), undefined))
          expect(["Send", "Authenticate"]).toContain(_tag)
      }
    },
    { arbitrary: { runs: 1_000, size: 40 } },
  )

  it("Names of inherited members are unknown messages and resources.", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
      for (const message of [{ type: name }, { type: "request", resource: name }]) {
        const [answer, ...more] = converse().read(JSON.stringify(message), operator)
        expect(more).toEqual([])
        expect(answer).toMatchObject({ _tag: "Send", text: expect.stringContaining(`Unknown`) })
      }
    }
  })
})

const Channels = Schema.Array(Schema.Literals(channels))
const Step = Schema.Struct({ type: Schema.Literals(["subscribe", "unsubscribe"]), channels: Channels })

describe("MissionControl subscription", () => {
  it.prop(
    "The view is the set of subscribed channels in one order.",
    [Schema.Array(Step)],
    ([steps]) => {
      const conversation = converse()
      const model = new Set<string>()
      let view: ReadonlyArray<string> = []
      for (const step of steps) {
        const before = model.size
        for (const channel of step.channels) {
          if (step.type === "subscribe") model.add(channel)
          else model.delete(channel)
        }
        const [answer, ...rest] = conversation.read(JSON.stringify(step), operator)
        expect(answer).toMatchObject({ _tag: "Send" })
        expect(JSON.parse(answer?._tag === "Send" ? answer.text : "").payload).toEqual({ channels: [...model] })
        for (const inbound of rest) {
          if (inbound._tag === "Subscribe") view = inbound.view
          if (inbound._tag === "Unsubscribe") view = []
        }
        expect(view.toSorted()).toEqual([...model].toSorted())
        // Only the first subscription has a position. The next ones continue where it is.
        const subscription = rest.find(({ _tag }) => _tag === "Subscribe")
        if (subscription?._tag === "Subscribe")
          expect(subscription.from).toEqual(before === 0 ? { epoch: "e", seq: 7 } : undefined)
      }
    },
    { arbitrary: { runs: 1_000, size: 20 } },
  )

  it.prop(
    "A client without a position gets each list once, one after another.",
    [Channels, Schema.Boolean],
    ([wanted, resumes]) => {
      const conversation = converse()
      const after = resumes ? { after: { epoch: "e", seq: 3 } } : {}
      const inbound = conversation.read(JSON.stringify({ type: "subscribe", channels: wanted, ...after }), operator)
      let call = inbound.find(({ _tag }) => _tag === "Call")
      const lists: Array<string> = []
      while (call?._tag === "Call") {
        lists.push(call.method)
        const reply: unknown = conversation.success(call.ref, call.method, {})
        call = (reply as ReadonlyArray<Inbound<typeof call.ref, View>>).find(({ _tag }) => _tag === "Call")
      }
      expect(lists).toEqual(resumes ? [] : [...new Set(wanted)])
    },
    { arbitrary: { runs: 300 } },
  )
})
