/**
 * ForwardCompat: drops stream items that are newer than this client. A newer gateway sends tags that an older client has
 * no schema for; without this filter, the first new event would fail the stream. ClientConnection uses it.
 */
import { KeptEvent, LiveEvent } from "../domain/Event.ts"

const itemTags = new Set(["Accepted", "Joined", "Event", "RunText", "CaughtUp"])

const eventTags = new Set([...Object.keys(KeptEvent.cases), ...Object.keys(LiveEvent.cases)])

const tagOf = (value: unknown): unknown =>
  typeof value === "object" && value !== null && "_tag" in value ? value._tag : undefined

const isKnown = (item: unknown): boolean => {
  const tag = tagOf(item)
  if (typeof tag !== "string") return true
  if (!itemTags.has(tag)) return false
  if (tag !== "Event" || typeof item !== "object" || item === null || !("event" in item)) return true
  const eventTag = tagOf(item.event)
  return typeof eventTag !== "string" || eventTags.has(eventTag)
}

/** Returns the items that this client has schemas for. Usually it knows all and returns the same list. */
export const knownItems = (items: ReadonlyArray<unknown>): ReadonlyArray<unknown> =>
  items.every(isKnown) ? items : items.filter(isKnown)
