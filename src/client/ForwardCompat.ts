/**
 * The items of a stream that this program knows. A newer gateway tells of more than an older client has schemas for: what
 * is unknown to it is left out, as a stream that broke at the first new event would be of no use. It knows no connection.
 */
import { KeptEvent, LiveEvent } from "../domain/Event.ts"

const items = new Set(["Accepted", "Joined", "Event", "RunText", "CaughtUp"])

const events = new Set([...Object.keys(KeptEvent.cases), ...Object.keys(LiveEvent.cases)])

const tagOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "_tag" in value ? value._tag : undefined

const isKnown = (item: unknown): boolean => {
  const tag = tagOf(item)
  if (typeof tag !== "string") return true
  if (!items.has(tag)) return false
  if (tag !== "Event" || typeof item !== "object" || item === null || !("event" in item)) return true
  const event = tagOf(item.event)
  return typeof event !== "string" || events.has(event)
}

/** The same list where all is known, as nearly always. */
export const knownItems = (values: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  values.every(isKnown) ? values : values.filter(isKnown)
