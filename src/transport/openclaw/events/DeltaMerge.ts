/**
 * DeltaMerge: merges text deltas of a run that wait for a slow client into one frame. The frame has all new texts in
 * order, and the newest value of every other field. Events.ts uses it.
 */
import type { Merge } from "../../connection/Outbox.ts"
import type { JsonObject } from "../../dialect/Json.ts"
import type { Payload } from "./RunEvents.ts"

const mergeField = (pending: JsonObject, next: JsonObject, field: string): JsonObject => ({
  ...next,
  [field]: `${String(pending[field])}${String(next[field])}`,
  // A delta that replaces the client's text stays one when others are appended.
  ...(pending["replace"] === true && { replace: true }),
})

const object = (value: unknown): JsonObject => ({ ...Object(value) })

/** `chat` has the new text in `deltaText`, `agent` in `data.delta`. */
const mergePayloads = ([, pending]: Payload, [event, next]: Payload): Payload =>
  event === "chat"
    ? [event, mergeField(pending, next, "deltaText")]
    : [event, { ...next, data: mergeField(object(pending["data"]), object(next["data"]), "delta") }]

/** Returns the key under which a delta waits. All deltas under a key are one kind of event of one run. */
export const mergeKey = ([event, { runId, stream }]: Payload): string => `${event} ${String(stream)} ${String(runId)}`

export const mergeable = (render: (payload: Payload) => string): Merge<Payload> => ({
  merge: mergePayloads,
  render,
  bytes: (payload) => Buffer.byteLength(render(payload)),
})
