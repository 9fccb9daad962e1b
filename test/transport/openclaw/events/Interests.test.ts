/**
 * The mappings as what they are, plain functions: whatever comes in, something that OpenClaw's clients can read comes out.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { AgentId } from "../../../../src/domain/Agent.ts"
import { SessionKey } from "../../../../src/domain/Bounds.ts"
import { GatewayEvent } from "../../../../src/domain/Event.ts"
import { isInHistory, Message } from "../../../../src/domain/Message.ts"
import { Session } from "../../../../src/domain/Session.ts"
import type { EventFrame } from "../../../../src/transport/dialect/Dialect.ts"
import { Contract, type Query } from "../../../../src/transport/dialect/Query.ts"
import {
  type Interests,
  interestsOf,
  apply,
  interestsKey,
} from "../../../../src/transport/openclaw/events/Interests.ts"
import { fitting } from "../../../../src/transport/openclaw/methods/ChatHistory.ts"
import { argumentsOf, messagesOf } from "../../../../src/transport/openclaw/methods/ChatMessages.ts"
import { encode } from "../../../../src/transport/openclaw/events/Events.ts"
import { mergeable, mergeKey } from "../../../../src/transport/openclaw/events/DeltaMerge.ts"
import { methods } from "../../../../src/transport/openclaw/methods/Methods.ts"
import * as RunEvents from "../../../../src/transport/openclaw/events/RunEvents.ts"
import { canonicalKey, mainSessionKey, sessionIdOf } from "../../../../src/transport/openclaw/methods/SessionKeys.ts"
import { fullRow, sessionRow, missingRow } from "../../../../src/transport/openclaw/methods/SessionViews.ts"
import { expectValid } from "../../../support/OpenClaw.ts"

const many = { arbitrary: { runs: 300, size: 20 } }

const Listener = Schema.Struct({
  protocol: Schema.Literals([3, 4]),
  clientId: Schema.Literals(["cli", "openclaw-control-ui", "control-center"]),
  caps: Schema.Array(Schema.Literals(["tool-events", "session-scoped-events"])),
  readsParams: Schema.Boolean,
  mayRead: Schema.Boolean,
})

const Subscription = Schema.Struct({
  method: Schema.Literals([
    "sessions.subscribe",
    "sessions.unsubscribe",
    "sessions.messages.subscribe",
    "sessions.messages.unsubscribe",
    "agents.list",
  ]),
  key: Schema.Literals(["agent:main:main", "work", "play"]),
})

const audienceAfter = (
  listener: typeof Listener.Type,
  subscriptions: ReadonlyArray<typeof Subscription.Type>,
): Interests =>
  subscriptions.reduce((audience, { key, method }) => apply(audience, method, { key }), interestsOf(listener))

describe("an audience", () => {
  it.prop(
    "have one key exactly if their frames are the same",
    [Listener, Schema.Array(Subscription), Schema.Array(Subscription)],
    ([listener, some, others]) => {
      const one = audienceAfter(listener, some)
      const other = audienceAfter(listener, others)
      const hasEveryMessage = one.sessions && !one.scoped
      const sameFrames = one.sessions === other.sessions && (hasEveryMessage || one.keys.join() === other.keys.join())
      expect(interestsKey(one) === interestsKey(other)).toBe(sameFrames)
    },
    many,
  )

  it.prop(
    "depends on what is subscribed to in the end, not on the way there",
    [Listener, Schema.Array(Subscription)],
    ([listener, subscriptions]) => {
      const audience = audienceAfter(listener, subscriptions)
      for (const { key, method } of subscriptions.slice(-1)) expect(apply(audience, method, { key })).toBe(audience)
      expect(audience.keys).toEqual([...new Set(audience.keys)].toSorted())
    },
    many,
  )
})

/** Runs a query whose calls find nothing. */
const settle = (query: Query<ReadonlyArray<EventFrame>>): ReadonlyArray<EventFrame> =>
  Effect.runSync(
    Effect.provideService(
      query,
      Contract,
      Contract.calling(() => Effect.succeed({ agents: [], defaultId: "main", models: [], runs: [] })),
    ),
  )

describe("events", () => {
  it.prop(
    "of every kind are frames that can be read, for every audience",
    [GatewayEvent, Listener, Schema.Array(Subscription)],
    ([event, listener, subscriptions]) => {
      const interests = audienceAfter(listener, subscriptions)
      for (const one of settle(encode(interests, { _tag: "Event", seq: 7, at: 1, event }))) {
        if (one.policy === "snapshot") continue
        // The place of the number is blank until the frame leaves.
        const frame = JSON.parse(one.text.replace(/"seq": +,/, '"seq":1,'))
        expect(frame.type).toBe("event")
        expect(typeof frame[listener.readsParams ? "params" : "payload"]).toBe("object")
        if (frame.event === "chat" && !listener.readsParams) expectValid("ChatEvent", notEmpty(frame.payload))
      }
    },
    many,
  )

  it.prop(
    "of a text that wait for a slow client say the same joined, however they are joined",
    [Schema.Array(Schema.String).check(Schema.isMinLength(3)), Schema.Boolean],
    ([texts, replaces]) => {
      const run = { runId: "r", sessionKey: "s", agentId: "a" }
      const place = { seq: 1, at: 1 }
      const by = mergeable(JSON.stringify)
      const first = replaces
        ? RunEvents.textReplacement(run, place, texts[0]!)
        : RunEvents.textDelta(run, place, texts[0]!)
      const payloads = [first, ...texts.slice(1).map((text) => RunEvents.textDelta(run, place, text))]
      const left = payloads.reduce((a, b) => by.merge(a, b))
      const right = payloads.reduceRight((b, a) => by.merge(a, b))
      expect(left[1]["deltaText"]).toBe(texts.join(""))
      expect(right[1]["deltaText"]).toBe(texts.join(""))
      expect(left[1]["replace"]).toBe(replaces ? true : undefined)
      expect(right[1]["replace"]).toBe(replaces ? true : undefined)
      expect(new Set(payloads.map(mergeKey)).size).toBe(1)
    },
    many,
  )
})

/** The published schema wants ids that are not empty, which the contract's schema of an event does not say. */
const notEmpty = (payload: any) => ({
  ...payload,
  runId: payload.runId || "r",
  sessionKey: payload.sessionKey || "s",
  agentId: payload.agentId || "a",
})

describe("rows", () => {
  const catalog = { defaultId: "main", agents: [], models: [] }

  it.prop(
    "of every session are such as the schema has them",
    [Session],
    ([session]) => {
      expectValid("SessionRow", nonEmptyRow(sessionRow(session)))
      expectValid("SessionRow", nonEmptyRow(fullRow(session, catalog, 1, ["r"])))
    },
    many,
  )

  it.prop("of sessions that have not begun too", [AgentId], ([agentId]) => {
    expectValid("SessionRow", missingRow(mainSessionKey(agentId), agentId, catalog, 1))
  })
})

const nonEmptyRow = (row: object) =>
  Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value === "" ? "x" : value]))

describe("keys", () => {
  it.prop("mean what they say, but for `main`", [Schema.String], ([key]) => {
    const canonical = canonicalKey(key, "luna")
    expect(canonicalKey(canonical)).toBe(canonical)
    if (!["", "main"].includes(key.trim().toLowerCase())) expect(canonical).toBe(key.trim())
  })

  it("stand for the main session of the agent that is asked for", () => {
    for (const key of ["main", " MAIN ", "", null, undefined]) {
      expect(canonicalKey(key, "Luna")).toBe("agent:luna:main")
      expect(canonicalKey(key)).toBe("agent:main:main")
    }
  })

  it.prop("have one UUID each", [SessionKey, SessionKey, Schema.Int], ([a, b, createdAt]) => {
    const id = sessionIdOf({ key: a, createdAt })
    expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/)
    expect(sessionIdOf({ key: b, createdAt }) === id).toBe(a === b)
  })
})

describe("messages", () => {
  it.prop("are never lost, and keep their order and their text", [Message], ([message]) => {
    const told = messagesOf(message)
    const isTwo =
      message.role === "tool" ? message.tool !== undefined : message.role === "user" && !isInHistory(message)
    expect(told.length).toBe(isTwo ? 2 : 1)
    expect(new Set(told.map((one) => Object(one["__openclaw"]).id)).size).toBe(told.length)
    for (const one of told) expect(one["timestamp"]).toBe(message.at)
    if (message.role !== "tool") expect(JSON.stringify(told)).toContain(JSON.stringify(message.text).slice(1, -1))
  })

  it.prop("of a tool have its input as an object, whatever it is", [Schema.String], ([input]) => {
    expect(Object.prototype.toString.call(argumentsOf(input))).toBe("[object Object]")
    expect(argumentsOf(JSON.stringify({ input }))).toEqual({ input: input.toWellFormed() })
  })

  it.prop(
    "fit what a client can take, from the newest back, and are at least one",
    [Schema.Array(Schema.String), Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 200 }))],
    ([rows, maxBytes]) => {
      const kept = fitting(rows, maxBytes)
      expect(kept).toEqual(rows.slice(rows.length - kept.length))
      const bytes = (some: ReadonlyArray<string>) =>
        some.reduce((sum, row) => sum + Buffer.byteLength(JSON.stringify(row)), 0)
      if (kept.length > 1) expect(bytes(kept)).toBeLessThanOrEqual(maxBytes)
      if (rows.length > 0) expect(kept.length).toBeGreaterThan(0)
      if (kept.length < rows.length) expect(bytes(rows.slice(-kept.length - 1))).toBeGreaterThan(maxBytes)
    },
    many,
  )
})

const Value = Schema.Union([Schema.Json, Schema.String, Schema.Null])

describe("methods", () => {
  it.prop(
    "take any parameters without a bug: what they cannot read is an answer too",
    [
      Schema.Record(
        Schema.Literals(["key", "sessionKey", "agentId", "message", "limit", "offset", "keys", "runId"]),
        Value,
      ),
    ],
    ([params]) => {
      for (const [name, method] of methods) {
        if (method._tag !== "Own") continue
        for (const given of [params, undefined, null, [], "text", 5]) {
          const query = method.query(given ?? {})
          const noCalls = Contract.calling(() => Effect.fail({ _tag: "Interrupted" }))
          const exit = Effect.runSyncExit(Effect.provideService(query, Contract, noCalls))
          expect(exit._tag === "Failure" && Cause.hasDies(exit.cause), name).toBe(false)
        }
      }
    },
    { arbitrary: { runs: 100, size: 20 } },
  )
})
