/**
 * Positions on events, for clients that resume: of the frames that one event becomes, the last says that the client has
 * had the event. Pure.
 */
import * as Effect from "effect/Effect"
import type { Query } from "../../dialect/Query.ts"
import type { EventFrame, Frame } from "../../dialect/Dialect.ts"
import type { Merge } from "../../connection/Outbox.ts"
import { withPosition } from "../wire/Frames.ts"

interface Placed {
  readonly value: unknown
  readonly seq: number
}

/** Of what was joined while it waited, the newest position counts. */
const placed = ({ bytes, merge, render }: Merge<unknown>): Merge<Placed> => ({
  merge: (pending, next) => ({ value: merge(pending.value, next.value), seq: next.seq }),
  render: ({ seq, value }) => withPosition(render(value), seq),
  bytes: ({ seq, value }) => bytes(value) + withPosition("", seq).length,
})

const placeFrame = (frame: Frame, seq: number): Frame => {
  const text = withPosition(frame.text, seq)
  if (frame.policy !== "append") return { ...frame, text }
  // Under one key there are only values that were placed here.
  return { ...frame, text, value: { value: frame.value, seq }, by: placed(frame.by) as Merge<unknown> }
}

const placeLast = (told: ReadonlyArray<EventFrame>, seq: number): ReadonlyArray<EventFrame> => {
  const last = told.findLastIndex(({ policy }) => policy !== "snapshot")
  return told.map((one, i) => (i === last && one.policy !== "snapshot" ? placeFrame(one, seq) : one))
}

/** Adds the position of the event to the last of its frames. */
export const positioned = (query: Query<ReadonlyArray<EventFrame>>, seq: number): Query<ReadonlyArray<EventFrame>> =>
  Effect.map(query, (frames) => placeLast(frames, seq))
