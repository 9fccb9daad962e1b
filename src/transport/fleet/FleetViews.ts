/**
 * FleetViews: the forms of cards and messages that programs for fleets expect: times as ISO 8601, and an agent that is away
 * as idle. FleetRoutes.ts answers with them, and FleetStream.ts sends them.
 */
import type { ListedCard } from "../../domain/Fleet.ts"

/** Returns `undefined` if `Date` cannot hold the time, which comes from another machine. */
const isoOf = (at: number | null): string | undefined =>
  at === null || Math.abs(at) > MAX_DATE_MS ? undefined : new Date(at).toISOString()

/** The largest number of milliseconds before or after 1970 that `Date` can hold. */
const MAX_DATE_MS = 8.64e15

/** Returns a duration such as `04m 12s`, or `01h 04m 12s`. */
export const elapsed = (ms: number): string => {
  const seconds = Math.max(0, Math.floor(ms / 1_000))
  const two = (count: number) => String(count).padStart(2, "0")
  const hours = Math.floor(seconds / 3_600)
  return `${hours === 0 ? "" : `${two(hours)}h `}${two(Math.floor(seconds / 60) % 60)}m ${two(seconds % 60)}s`
}

/** A card as a list has it, or as an event has it. */
type ShownCard = Omit<ListedCard, "via"> & Partial<Pick<ListedCard, "via">>

export const cardView = (card: ShownCard, now: number) => {
  const { asOf, away, lastActivity, status, taskStartedAt, ...facts } = card
  return {
    ...facts,
    status: away === null ? status : "idle",
    ...(taskStartedAt !== undefined && { taskElapsed: elapsed((away === null ? now : asOf) - taskStartedAt) }),
    lastActivity: isoOf(lastActivity) ?? null,
    asOf: isoOf(asOf) ?? null,
    away,
  }
}

interface Entry {
  readonly at: number | null
  readonly role: string
  readonly text: string
}

export const logView = ({ at, role, text }: Entry) => ({ timestamp: isoOf(at) ?? null, role, message: text })
