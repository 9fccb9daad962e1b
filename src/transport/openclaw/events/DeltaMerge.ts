/**
 * Growing: deltas of a run's text that wait for a slow client become one frame: what is new of each after the other, and
 * the newest of everything else. Pure.
 */
import type { Merge } from "../../connection/Outbox.ts"
import type { JsonObject } from "../../dialect/Json.ts"
import type { Payload } from "./RunEvents.ts"

const joined = (pending: JsonObject, next: JsonObject, field: string): JsonObject => ({
  ...next,
  [field]: `${String(pending[field])}${String(next[field])}`,
  // What is new goes on from all that there was.
  ...(pending["replace"] === true && { replace: true }),
})

const object = (value: unknown): JsonObject => ({ ...Object(value) })

/** `chat` has what is new as `deltaText`, `agent` as `data.delta`. */
export const mergePayloads = ([, pending]: Payload, [event, next]: Payload): Payload =>
  event === "chat"
    ? [event, joined(pending, next, "deltaText")]
    : [event, { ...next, data: joined(object(pending["data"]), object(next["data"]), "delta") }]

/** Frames under one key are of one kind of event of one run. */
export const mergeKey = ([event, { runId, stream }]: Payload): string => `${event} ${String(stream)} ${String(runId)}`

export const mergeable = (render: (payload: Payload) => string): Merge<Payload> => ({
  merge: mergePayloads,
  render,
  bytes: (payload) => Buffer.byteLength(render(payload)),
})
