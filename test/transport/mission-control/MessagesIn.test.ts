/**
 * A Mission Control conversation by its properties, without a socket: reading is total, whatever was said before, and
 * what is followed is what is subscribed to.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { EventItem } from "../../../src/domain/Event.ts"
import type { Principal } from "../../../src/domain/Principal.ts"
import type { Inbound } from "../../../src/transport/dialect/Dialect.ts"
import { channels } from "../../../src/transport/mission-control/MessagesIn.ts"
import { missionControl } from "../../../src/transport/mission-control/MissionControl.ts"
import { outcomeOf } from "../../../src/transport/dialect/Query.ts"
import { encode, type View } from "../../../src/transport/mission-control/Events.ts"

const operator: Principal = { id: "operator", kind: "token", role: "operator", scopes: ["operator.admin"] }

const converse = () =>
  missionControl.converse({
    connectionId: "c42",
    resumeError: () => null,
    stopping: () => false,
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

/** Whether it is what clients can read: an object with a type and a payload. */
const isMessage = (text: string): boolean => {
  const message: unknown = JSON.parse(text)
  return typeof message === "object" && message !== null && "type" in message && "payload" in message
}

const check = (inbound: Inbound): void => {
  if (inbound._tag === "Send") expect(isMessage(inbound.text)).toBe(true)
  if (inbound._tag === "Call") expect(missionControl.methods?.has(inbound.method)).toBe(true)
}

describe("reading", () => {
  it.prop(
    "has an answer to any text, whatever was said before",
    [Schema.Array(Frame)],
    ([frames]) => {
      const conversation = converse()
      for (const frame of frames) {
        const meant = conversation.read(textOf(frame), operator)
        expect(meant.length).toBeGreaterThan(0)
        meant.forEach(check)
      }
    },
    { arbitrary: { runs: 2_000, size: 40 } },
  )

  it.prop(
    "lets who is not known do nothing but say who they are",
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

  it("knows nothing by inheritance", () => {
    for (const name of ["__proto__", "constructor", "toString", "hasOwnProperty", "valueOf"]) {
      for (const message of [{ type: name }, { type: "request", resource: name }]) {
        const [said, ...more] = converse().read(JSON.stringify(message), operator)
        expect(more).toEqual([])
        expect(said).toMatchObject({ _tag: "Send", text: expect.stringContaining(`Unknown`) })
      }
    }
  })
})

const Channels = Schema.Array(Schema.Literals(channels))
const Step = Schema.Struct({ type: Schema.Literals(["subscribe", "unsubscribe"]), channels: Channels })

describe("what is followed", () => {
  it.prop(
    "is what is subscribed to, all of it in one order",
    [Schema.Array(Step)],
    ([steps]) => {
      const conversation = converse()
      const model = new Set<string>()
      let followed: ReadonlyArray<string> = []
      for (const step of steps) {
        const before = model.size
        for (const channel of step.channels) {
          if (step.type === "subscribe") model.add(channel)
          else model.delete(channel)
        }
        const [said, ...meant] = conversation.read(JSON.stringify(step), operator)
        expect(said).toMatchObject({ _tag: "Send" })
        expect(JSON.parse(said?._tag === "Send" ? said.text : "").payload).toEqual({ channels: [...model] })
        for (const inbound of meant) {
          if (inbound._tag === "Subscribe") followed = inbound.view
          if (inbound._tag === "Unsubscribe") followed = []
        }
        expect(followed.toSorted()).toEqual([...model].toSorted())
        // A position is given where it begins, and from then on it goes on where it stands.
        const follow = meant.find(({ _tag }) => _tag === "Subscribe")
        if (follow?._tag === "Subscribe") expect(follow.from).toEqual(before === 0 ? { epoch: "e", seq: 7 } : undefined)
      }
    },
    { arbitrary: { runs: 1_000, size: 20 } },
  )

  it.prop(
    "is asked for once, one list after another, unless the client says where it stood",
    [Channels, Schema.Boolean],
    ([wanted, resumes]) => {
      const conversation = converse()
      const after = resumes ? { after: { epoch: "e", seq: 3 } } : {}
      const meant = conversation.read(JSON.stringify({ type: "subscribe", channels: wanted, ...after }), operator)
      let call = meant.find(({ _tag }) => _tag === "Call")
      const asked: Array<string> = []
      while (call?._tag === "Call") {
        asked.push(call.method)
        const reply: unknown = conversation.success(call.ref, call.method, {})
        call = (reply as ReadonlyArray<Inbound<typeof call.ref, View>>).find(({ _tag }) => _tag === "Call")
      }
      expect(asked).toEqual(resumes ? [] : [...new Set(wanted)])
    },
    { arbitrary: { runs: 300 } },
  )
})

const types = ["session_open", "session_update", "session_close", "log_entry", "file_delete"]

describe("telling", () => {
  it.prop(
    "words any event for any channels, with the event's time and its position",
    [EventItem, Channels],
    ([item, wanted]) => {
      const outcome = outcomeOf(encode(wanted, item, "e"))
      if (outcome?._tag !== "Success") return
      for (const one of outcome.value) {
        if (one.policy === "snapshot") continue
        const { position, timestamp, type } = JSON.parse(one.text)
        expect(types).toContain(type)
        // JSON knows no -0.
        expect(item._tag === "Event" && [item.at + 0, item.seq + 0]).toEqual([timestamp, position.seq])
        expect(position.epoch).toBe("e")
      }
    },
    { arbitrary: { runs: 2_000 } },
  )
})
