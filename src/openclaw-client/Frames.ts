/**
 * Frames: reads and writes the frames of OpenClaw's protocol, from a client's side. It reads openly, because gateways send
 * members that no schema has. Conversation.ts uses it.
 */
import * as Schema from "effect/Schema"
import { parseJson } from "../domain/Text.ts"
import { optional } from "./Openly.ts"

/** The error of a gateway's answer. `details.code` says more than `code`. */
export const ErrorShape = Schema.Struct({
  code: Schema.String,
  message: Schema.String,
  details: Schema.optional(Schema.Unknown),
  retryable: optional(Schema.Boolean),
  /** Milliseconds. */
  retryAfterMs: optional(Schema.Finite),
})
export type ErrorShape = typeof ErrorShape.Type

const Answer = Schema.Struct({
  type: Schema.Literal("res"),
  id: Schema.String,
  ok: Schema.Boolean,
  payload: Schema.optional(Schema.Unknown),
  error: optional(ErrorShape),
})

const Event = Schema.Struct({
  type: Schema.Literal("event"),
  event: Schema.String,
  payload: Schema.optional(Schema.Unknown),
  seq: optional(Schema.Int),
  /** An addition of Causeway: the place of the event in its log. */
  position: optional(Schema.Int),
})

/** A frame from the gateway. `Unreadable`: not JSON, or no frame of the protocol. */
export type Incoming =
  | { readonly _tag: "Answer"; readonly frame: typeof Answer.Type }
  | { readonly _tag: "Event"; readonly frame: typeof Event.Type }
  | { readonly _tag: "Unreadable" }

const isAnswer = Schema.is(Answer)
const isEvent = Schema.is(Event)

const UNREADABLE: Incoming = { _tag: "Unreadable" }

export const readFrame = (text: string): Incoming => {
  try {
    const frame = parseJson(text)
    if (isEvent(frame)) return { _tag: "Event", frame }
    return isAnswer(frame) ? { _tag: "Answer", frame } : UNREADABLE
  } catch {
    return UNREADABLE
  }
}

export const requestFrame = (id: string, method: string, params: unknown): string =>
  JSON.stringify({ type: "req", id, method, params: params ?? {} })
