/**
 * Events: the typed events of the OpenClaw client. Payloads are read openly: they may have more members. OpenClawClient.ts
 * and your programs use it.
 */
import * as Schema from "effect/Schema"
import type { OpenClawEvent } from "./Conversation.ts"
import { Message, PresenceEntry, SessionRow } from "./Methods.ts"
import { optional } from "./Openly.ts"

const Text = Schema.String

const schemas = {
  tick: Schema.Struct({ ts: optional(Schema.Finite) }),
  /** `restartExpectedMs`: the time until the gateway is back. */
  shutdown: Schema.Struct({ reason: optional(Text), restartExpectedMs: optional(Schema.Finite) }),
  health: Schema.Struct({ ok: optional(Schema.Boolean) }),
  presence: Schema.Struct({ presence: Schema.Array(PresenceEntry) }),
  "sessions.changed": Schema.Struct({
    sessionKey: optional(Text),
    agentId: optional(Text),
    reason: optional(Text),
    ts: optional(Schema.Finite),
    session: optional(SessionRow),
  }),
  "session.message": Schema.Struct({ sessionKey: Text, messageId: optional(Text), message: Message }),
  /** An event of Causeway: an agent has changed or was removed. */
  "agent.config": Schema.Struct({
    agentId: Text,
    name: optional(Text),
    model: optional(Text),
    runtime: optional(Text),
    removed: optional(Schema.Boolean),
  }),
  /** The detail of a run. `data` depends on `stream`: `lifecycle`, `assistant`, `thinking`, `tool`, `usage`. */
  agent: Schema.Struct({
    runId: Text,
    stream: Text,
    seq: optional(Schema.Finite),
    ts: optional(Schema.Finite),
    sessionKey: optional(Text),
    agentId: optional(Text),
    data: Schema.Record(Text, Schema.Unknown),
  }),
  /** The reply of a run. `state`: `status`, `delta`, then one of `final`, `aborted` and `error`. */
  chat: Schema.Struct({
    runId: Text,
    sessionKey: Text,
    state: Text,
    seq: optional(Schema.Finite),
    agentId: optional(Text),
    /** The new text of a `delta`. With `replace`, it is the whole text. */
    deltaText: optional(Text),
    replace: optional(Schema.Boolean),
    message: Schema.optional(Schema.Unknown),
    errorMessage: optional(Text),
    stopReason: optional(Text),
  }),
  "device.pair.requested": Schema.Struct({
    requestId: Text,
    deviceId: Text,
    displayName: optional(Text),
    role: optional(Text),
    scopes: optional(Schema.Array(Text)),
  }),
  "device.pair.resolved": Schema.Struct({ requestId: Text, deviceId: Text, decision: Text }),
} as const

/** The name of a typed event. */
export type OpenClawEventName = keyof typeof schemas

/** The payload of a typed event. */
export type OpenClawPayload<N extends OpenClawEventName> = (typeof schemas)[N]["Type"]

const checks: ReadonlyMap<string, (payload: unknown) => boolean> = new Map(
  Object.entries(schemas).map(([name, schema]) => [name, Schema.is<Schema.Top>(schema)]),
)

/** Returns whether the event has this name and a payload of its type. */
export const isEvent = <N extends OpenClawEventName>(
  event: OpenClawEvent,
  name: N,
): event is OpenClawEvent & { readonly event: N; readonly payload: OpenClawPayload<N> } =>
  event.event === name && checks.get(name)?.(event.payload) === true
