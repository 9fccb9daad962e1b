/**
 * Sessions in memory, in sorted arrays, so that the cost of a page does not depend on the number of sessions. A change
 * moves one session by binary search, and a page starts at its cursor. The first query for an order builds its array. A
 * search reads all sessions. Both let other work run in between. SessionIndex uses it.
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import { partitionPoint } from "../../domain/PartitionPoint.ts"
import { CursorInvalid, Session, SessionSort, type SessionPage, type SessionQuery } from "../../domain/Session.ts"
import * as Slices from "./Slices.ts"

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

/** Compares a session with a place, in ascending order. */
const compare = (session: Session, sortBy: SessionSort, { key, value }: Place): number => {
  const own = session[sortBy]
  return own < value ? -1 : own > value ? 1 : session.key < key ? -1 : session.key > key ? 1 : 0
}

/** Returns the number of sessions before a place in an ascending array. */
const countBefore = (sorted: ReadonlyArray<Session>, sortBy: SessionSort, place: Place): number =>
  partitionPoint(sorted, (session) => compare(session, sortBy, place) < 0)

const contains = (text: string | null, part: string): boolean => text?.toLowerCase().includes(part) === true

/** A text of all fields for each session would make searches faster, but 100,000 of them would stall the garbage collection. */
const isFound = ({ displayName, key, label, lastMessage }: Session, part: string): boolean =>
  contains(key, part) || contains(displayName, part) || contains(label, part) || contains(lastMessage, part)

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
    (part === undefined || isFound(session, part))
}

/** Returns the order for a query without one: keys ascending, everything else newest or largest first. */
const defaultOrder = (sortBy: SessionSort) => (sortBy === "key" ? "asc" : "desc")

/** Removes the session from its place, and adds it in its new one. `undefined`: the session does not exist then. */
const move = (
  sorted: Array<Session>,
  sortBy: SessionSort,
  before: Session | undefined,
  now: Session | undefined,
): void => {
  if (before !== undefined && now !== undefined && before[sortBy] === now[sortBy]) {
    sorted[countBefore(sorted, sortBy, placeOf(now, sortBy))] = now
    return
  }
  if (before !== undefined) sorted.splice(countBefore(sorted, sortBy, placeOf(before, sortBy)), 1)
  if (now !== undefined) sorted.splice(countBefore(sorted, sortBy, placeOf(now, sortBy)), 0, now)
}

export class SortedSessions {
  readonly #byKey = new Map<string, Session>()
  readonly #orders = new Map<SessionSort, Array<Session>>()
  /** Lets one order at a time be built. */
  readonly #building = Semaphore.makeUnsafe(1)
  /** The sessions that have changed since the build of an order began, as they were then. */
  #changed: Map<string, Session | undefined> | undefined

  constructor(sessions: Iterable<Session> = []) {
    for (const session of sessions) this.#byKey.set(session.key, session)
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
    this.#moved(session.key, before, session)
  }

  remove(key: string): void {
    const before = this.#byKey.get(key)
    if (before === undefined) return
    this.#byKey.delete(key)
    this.#moved(key, before, undefined)
  }

  /** Fails with `CursorInvalid` if the cursor belongs to another order. */
  page(query: SessionQuery): Effect.Effect<SessionPage, CursorInvalid> {
    const sortBy = query.sortBy ?? "updatedAt"
    const condition = conditionOf(query)
    return Effect.flatMap(this.#order(sortBy), (sorted) => {
      if (condition === undefined) return Effect.fromResult(pageOf(sorted, sortBy, query))
      // `total` counts all matches, so the filter tests every session. Filtering keeps the order.
      const found = Slices.filter(sorted.slice(), condition)
      return Effect.flatMap(found, (found) => Effect.fromResult(pageOf(found, sortBy, query)))
    })
  }

  #moved(key: string, before: Session | undefined, now: Session | undefined): void {
    if (this.#changed?.has(key) === false) this.#changed.set(key, before)
    for (const [sortBy, sorted] of this.#orders) move(sorted, sortBy, before, now)
  }

  #order(sortBy: SessionSort): Effect.Effect<Array<Session>> {
    return Effect.suspend(() => {
      const sorted = this.#orders.get(sortBy)
      return sorted === undefined ? this.#building.withPermit(this.#build(sortBy)) : Effect.succeed(sorted)
    })
  }

  #build(sortBy: SessionSort): Effect.Effect<Array<Session>> {
    return Effect.gen({ self: this }, function* () {
      const known = this.#orders.get(sortBy)
      if (known !== undefined) return known
      const changed = (this.#changed = new Map<string, Session | undefined>())
      const sorted = yield* Slices.sort([...this.#byKey.values()], (a, b) => compare(a, sortBy, placeOf(b, sortBy)))
      for (const [key, before] of changed) move(sorted, sortBy, before, this.#byKey.get(key))
      this.#orders.set(sortBy, sorted)
      return sorted
    }).pipe(
      Effect.ensuring(
        Effect.sync(() => {
          this.#changed = undefined
        }),
      ),
    )
  }
}

/** Returns the page of the sorted sessions. */
const pageOf = (
  found: ReadonlyArray<Session>,
  sortBy: SessionSort,
  { cursor, limit = PAGE, order = defaultOrder(sortBy) }: SessionQuery,
): Result.Result<SessionPage, CursorInvalid> =>
  Result.map(placeAfter(found, cursor, sortBy, order), (from) => {
    const sessions =
      order === "asc"
        ? found.slice(from, from + limit)
        : found.slice(Math.max(0, from + 1 - limit), from + 1).toReversed()
    const more = order === "asc" ? from + limit < found.length : from >= limit
    const last = more ? sessions.at(-1) : undefined
    const nextCursor = last === undefined ? null : JSON.stringify([sortBy, order, last[sortBy], last.key])
    return { sessions, total: found.length, nextCursor }
  })

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
  const there = before < sorted.length && compare(sorted[before]!, sortBy, place) === 0
  return Result.succeed(there ? before + 1 : before)
}
