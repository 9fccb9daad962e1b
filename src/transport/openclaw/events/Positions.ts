/**
 * Positions on events, for clients that resume: of the frames that one event becomes, the last says that the client has
 * had the event. Pure.
 */
import type { Frame, Telling, EventFrame } from "../../dialect/Dialect.ts"
import { map } from "../../dialect/Query.ts"
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
  const last = told.findLastIndex(({ policy }) => policy !== "digest")
  return told.map((one, i) => (i === last && one.policy !== "digest" ? placeFrame(one, seq) : one))
}

export const positioned = (telling: Telling | undefined, seq: number): Telling | undefined => {
  if (telling === undefined) return undefined
  if ("_tag" in telling) return map(telling, (told) => placeLast(told, seq))
  return placeLast("policy" in telling ? [telling] : telling, seq)
}
