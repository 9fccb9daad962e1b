/**
 * StoredRun: finds a run in the history of its session at an OpenClaw gateway, after events of the run may have been
 * missed. It does no IO. UpstreamRun.ts uses it.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { optional } from "../../../openclaw-client/Openly.ts"
import { textOf } from "./ReplyReader.ts"

export type StoredRun =
  /** The gateway has not got the message. */
  | { readonly _tag: "Unknown" }
  /** `text`: the reply so far, if the gateway says so. */
  | { readonly _tag: "Running"; readonly text: string | undefined }
  | { readonly _tag: "Replied"; readonly text: string }
  | { readonly _tag: "Ended"; readonly problem: string }

const History = Schema.Struct({
  messages: Schema.Array(
    Schema.Struct({
      role: Schema.String,
      content: Schema.Unknown,
      idempotencyKey: optional(Schema.String),
      errorMessage: optional(Schema.String),
    }),
  ),
  inFlightRun: optional(Schema.Struct({ runId: Schema.String, text: optional(Schema.String) })),
  sessionInfo: optional(Schema.Struct({ activeRunIds: optional(Schema.Array(Schema.String)) })),
})

const decode = Schema.decodeUnknownOption(History)

/** `history`: the answer to `chat.history`. `key`: the idempotency key of the message, which is the id of the run. */
export const find = (history: unknown, key: string): StoredRun => {
  const found = Option.getOrUndefined(decode(history))
  if (found === undefined) return { _tag: "Unknown" }
  const { inFlightRun, messages, sessionInfo } = found
  if (inFlightRun?.runId === key) return { _tag: "Running", text: inFlightRun.text ?? undefined }
  if (sessionInfo?.activeRunIds?.includes(key) === true) return { _tag: "Running", text: undefined }
  const sent = messages.findLastIndex(({ idempotencyKey }) => idempotencyKey === `${key}:user`)
  if (sent < 0) return { _tag: "Unknown" }
  const later = messages.slice(sent + 1)
  const next = later.findIndex(({ role }) => role === "user")
  const replies = (next < 0 ? later : later.slice(0, next)).filter(({ role }) => role === "assistant")
  const problem = replies.find(({ errorMessage }) => errorMessage)?.errorMessage
  const text = replies.map(textOf).findLast(Boolean)
  return text === undefined || problem != null
    ? { _tag: "Ended", problem: problem ?? "the run ended there without a reply" }
    : { _tag: "Replied", text }
}
