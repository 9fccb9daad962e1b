/**
 * Positions: adds the position of an event to its last frame, for clients that resume. A client that has the last frame
 * has the whole event. OpenClaw.ts uses it.
 */
import * as Effect from "effect/Effect"
import type { Query } from "../../dialect/Query.ts"
import type { EventFrame, Frame } from "../../dialect/Dialect.ts"
import type { Merge } from "../../connection/Outbox.ts"
import { withPosition } from "../wire/Frames.ts"

interface PositionedValue {
  readonly value: unknown
  readonly seq: number
}

/** A merged frame has the newest position. */
const positionedMerge = ({ bytes, merge, render }: Merge<unknown>): Merge<PositionedValue> => ({
  merge: (pending, next) => ({ value: merge(pending.value, next.value), seq: next.seq }),
  render: ({ seq, value }) => withPosition(render(value), seq),
  bytes: ({ seq, value }) => bytes(value) + withPosition("", seq).length,
})

const positionFrame = (frame: Frame, seq: number): Frame => {
  const text = withPosition(frame.text, seq)
  if (frame.policy !== "append") return { ...frame, text }
  // All values under the key of this frame come from here.
  const by = positionedMerge(frame.by) as Merge<unknown>
  return { ...frame, text, value: { value: frame.value, seq }, by }
}

const positionLast = (frames: ReadonlyArray<EventFrame>, seq: number): ReadonlyArray<EventFrame> => {
  const last = frames.findLastIndex(({ policy }) => policy !== "snapshot")
  return frames.map((frame, i) => (i === last && frame.policy !== "snapshot" ? positionFrame(frame, seq) : frame))
}

/** Adds the position of the event to the last of its frames. Snapshots have no position. */
export const positioned = (query: Query<ReadonlyArray<EventFrame>>, seq: number): Query<ReadonlyArray<EventFrame>> =>
  Effect.map(query, (frames) => positionLast(frames, seq))
