/**
 * Sessions in memory, in sorted arrays, so that the cost of a page does not depend on the number of sessions. A change
 * moves one session by binary search, and a page starts at its cursor. The first query for an order builds its array.
 * SessionIndex uses it.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { partitionPoint } from "../../domain/PartitionPoint.ts"
import { CursorInvalid, Session, SessionSort, type SessionPage, type SessionQuery } from "../../domain/Session.ts"

/** The default size of a page. */
const PAGE = 50

/** The end of a page: sort field, order, and the sort value and key of its last session. The last two are unique. */
const Cursor = Schema.fromJsonString(
  Schema.Tuple([
    SessionSort,
    Schema.Literals(["asc", "desc"]),
    Schema.Union([Schema.Finite, Schema.String]),
    Schema.String,
  ]),
)
const decodeCursor = Schema.decodeUnknownResult(Cursor)

interface Place {
  readonly value: number | string
  readonly key: string
}

const placeOf = (session: Session, sortBy: SessionSort): Place => ({ value: session[sortBy], key: session.key })

const compare = (a: Place, b: Place): number =>
  a.value < b.value ? -1 : a.value > b.value ? 1 : a.key < b.key ? -1 : a.key > b.key ? 1 : 0

/** Returns the number of sessions before a place in an ascending array. */
const countBefore = (sorted: ReadonlyArray<Session>, sortBy: SessionSort, place: Place): number =>
  partitionPoint(sorted, (session) => compare(placeOf(session, sortBy), place) < 0)

/** The searchable text by session. A changed session is a new value, so no entry becomes stale. */
const searchTexts = new WeakMap<Session, string>()

const searchTextOf = (session: Session): string => {
  const known = searchTexts.get(session)
  if (known !== undefined) return known
  const { displayName, key, label, lastMessage } = session
  const text = [key, displayName, label ?? "", lastMessage ?? ""].join("\0").toLowerCase()
  searchTexts.set(session, text)
  return text
}

/** Returns the filter of a query, or `undefined` if the query matches all sessions. */
export const conditionOf = (query: SessionQuery): ((session: Session) => boolean) | undefined => {
  const { activity, agentId, channel, kind, parentKey, updatedSince } = query
  const part = query.search === "" ? undefined : query.search?.toLowerCase()
  const given = [activity, agentId, channel, kind, parentKey, part, updatedSince]
  if (given.every((value) => value === undefined)) return undefined
  return (session) =>
    (agentId === undefined || session.agentId === agentId) &&
    (kind === undefined || session.kind === kind) &&
    (channel === undefined || session.channel === channel) &&
    (parentKey === undefined || session.parentKey === parentKey) &&
    (activity === undefined || session.activity === activity) &&
    (updatedSince === undefined || session.updatedAt >= updatedSince) &&
    (part === undefined || searchTextOf(session).includes(part))
}

/** Returns the order for a query without one: keys ascending, everything else newest or largest first. */
const defaultOrder = (sortBy: SessionSort) => (sortBy === "key" ? "asc" : "desc")

export class SortedSessions {
  readonly #byKey = new Map<string, Session>()
  readonly #orders = new Map<SessionSort, Array<Session>>()

  constructor(sessions: Iterable<Session>) {
    for (const session of sessions) this.#byKey.set(session.key, session)
    this.#order("updatedAt")
  }

  get size(): number {
    return this.#byKey.size
  }

  get(key: string): Session | undefined {
    return this.#byKey.get(key)
  }

  values(): Iterable<Session> {
    return this.#byKey.values()
  }

  /** Adds or replaces a session. */
  put(session: Session): void {
    const before = this.#byKey.get(session.key)
    this.#byKey.set(session.key, session)
    for (const [sortBy, sorted] of this.#orders) {
      const place = placeOf(session, sortBy)
      if (before !== undefined && before[sortBy] === session[sortBy]) {
        sorted[countBefore(sorted, sortBy, place)] = session
      } else {
        if (before !== undefined) sorted.splice(countBefore(sorted, sortBy, placeOf(before, sortBy)), 1)
        sorted.splice(countBefore(sorted, sortBy, place), 0, session)
      }
    }
  }

  remove(key: string): void {
    const before = this.#byKey.get(key)
    if (before === undefined) return
    this.#byKey.delete(key)
    for (const [sortBy, sorted] of this.#orders) sorted.splice(countBefore(sorted, sortBy, placeOf(before, sortBy)), 1)
  }

  /** Fails with `CursorInvalid` if the cursor belongs to another order. */
  page(query: SessionQuery): Result.Result<SessionPage, CursorInvalid> {
    const sortBy = query.sortBy ?? "updatedAt"
    const order = query.order ?? defaultOrder(sortBy)
    const limit = query.limit ?? PAGE
    const condition = conditionOf(query)
    // `total` counts all matches, so the filter tests every session. Filtering keeps the order.
    const found = condition === undefined ? this.#order(sortBy) : this.#order(sortBy).filter(condition)
    const start = placeAfter(found, query.cursor, sortBy, order)
    if (Result.isFailure(start)) return Result.fail(start.failure)

    const from = start.success
    const sessions =
      order === "asc"
        ? found.slice(from, from + limit)
        : found.slice(Math.max(0, from + 1 - limit), from + 1).toReversed()
    const more = order === "asc" ? from + limit < found.length : from >= limit
    const last = more ? sessions.at(-1) : undefined
    const nextCursor = last === undefined ? null : JSON.stringify([sortBy, order, last[sortBy], last.key])
    return Result.succeed({ sessions, total: found.length, nextCursor })
  }

  #order(sortBy: SessionSort): Array<Session> {
    let sorted = this.#orders.get(sortBy)
    if (sorted === undefined) {
      sorted = [...this.#byKey.values()].toSorted((a, b) => compare(placeOf(a, sortBy), placeOf(b, sortBy)))
      this.#orders.set(sortBy, sorted)
    }
    return sorted
  }
}

/** Returns the index at which a page begins. The session of the cursor may have been removed. */
const placeAfter = (
  sorted: ReadonlyArray<Session>,
  cursor: string | undefined,
  sortBy: SessionSort,
  order: "asc" | "desc",
): Result.Result<number, CursorInvalid> => {
  if (cursor === undefined) return Result.succeed(order === "asc" ? 0 : sorted.length - 1)
  const decoded = decodeCursor(cursor)
  if (Result.isFailure(decoded)) return Result.fail(new CursorInvalid({ cursor }))
  const [cursorSort, cursorOrder, value, key] = decoded.success
  const numeric = sortBy !== "key"
  if (cursorSort !== sortBy || cursorOrder !== order || (typeof value === "number") !== numeric) {
    return Result.fail(new CursorInvalid({ cursor }))
  }
  const place = { value, key }
  const before = countBefore(sorted, sortBy, place)
  if (order === "desc") return Result.succeed(before - 1)
  const there = before < sorted.length && compare(placeOf(sorted[before]!, sortBy), place) === 0
  return Result.succeed(there ? before + 1 : before)
}
