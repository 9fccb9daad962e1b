/**
 * PostgresLog: reads pages of the event log and drops its old rows. PostgresStorage uses it.
 */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import type { EventPage, Retention } from "../Storage.ts"
import { toKeptRow } from "./GroupWriter.ts"
import type { PostgresConnection } from "./PostgresConnection.ts"

/** Rows that one step drops. */
const STEP = 512

/** Characters of rows that one page has. */
const PAGE_CHARS = 1_048_576

const pageOf = (condition: string): string => `SELECT l.dropped, e.* FROM event_log l LEFT JOIN (
    SELECT *, count(*) OVER () AS candidates,
      sum(char_length(event)) OVER (ORDER BY seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS chars
    FROM (SELECT seq, at, event FROM events WHERE seq > $1 AND seq <= $2 ${condition} ORDER BY seq LIMIT $3) AS oldest
  ) e ON e.chars IS NULL OR e.chars < ${PAGE_CHARS} ORDER BY e.seq`

const PAGE = pageOf("")
const PAGE_OF_SESSION = pageOf("AND session_key = $4")

// A mark stays, so that an empty table does not begin again at 1.
const DROP = `WITH last AS (SELECT max(seq) AS seq FROM (SELECT seq, at FROM events ORDER BY seq LIMIT ${STEP}) AS oldest
    WHERE seq <= $1 OR at < $2),
  gone AS (DELETE FROM events USING last WHERE events.seq <= last.seq)
  UPDATE event_log SET dropped = greatest(dropped, last.seq) FROM last
  RETURNING dropped, (SELECT at FROM events, last WHERE events.seq > last.seq ORDER BY events.seq LIMIT 1) AS oldest`

/** The bounds of the stored events. */
interface Bounds {
  readonly dropped: number
  readonly newest: number
  readonly oldestAt: number | undefined
}

const timeOf = (value: unknown): number | undefined => (typeof value === "number" ? value : undefined)

export class PostgresLog {
  readonly #retention: Retention
  readonly #slack: number
  /** The event that was the newest at the start. */
  readonly newest: { readonly number: number; readonly at: number }
  #bounds: Bounds

  private constructor(retention: Retention, bounds: Bounds, newestAt: number) {
    this.#retention = retention
    // Rows are dropped in steps, not one for each new row.
    this.#slack = Math.min(STEP, Math.ceil(retention.rows / 10))
    this.#bounds = bounds
    this.newest = { number: bounds.newest, at: newestAt }
  }

  static readonly open = Effect.fnUntraced(function* (
    { query }: PostgresConnection,
    retention: Retention,
  ): Effect.fn.Return<PostgresLog, SqlError> {
    const [row] = yield* query(`SELECT dropped, coalesce(greatest(dropped, (SELECT max(seq) FROM events)), 0) AS newest,
      (SELECT at FROM events ORDER BY seq LIMIT 1) AS oldest,
      (SELECT at FROM events ORDER BY seq DESC LIMIT 1) AS "newestAt" FROM event_log`)
    const bounds = {
      dropped: Number(row?.["dropped"]),
      newest: Number(row?.["newest"]),
      oldestAt: timeOf(row?.["oldest"]),
    }
    return new PostgresLog(retention, bounds, timeOf(row?.["newestAt"]) ?? 0)
  })

  get dropped(): number {
    return this.#bounds.dropped
  }

  /** Counts new rows for `isOverdue`. */
  add(newest: number, at: number): void {
    this.#bounds = { ...this.#bounds, newest, oldestAt: this.#bounds.oldestAt ?? at }
  }

  /** Returns whether retention has rows to drop at the time `now`. */
  isOverdue(now: number): boolean {
    const { dropped, newest, oldestAt } = this.#bounds
    if (oldestAt === undefined) return false
    return newest - dropped > this.#retention.rows + this.#slack || oldestAt < now - this.#retention.ageMs
  }

  /** Drops the oldest rows that retention does not keep, at most `STEP`. */
  dropOld({ query }: PostgresConnection, now: number): Effect.Effect<void, SqlError> {
    const params = [this.#bounds.newest - this.#retention.rows, now - this.#retention.ageMs]
    return Effect.map(query(DROP, params), ([row]) => {
      this.#bounds = { ...this.#bounds, dropped: Number(row?.["dropped"]), oldestAt: timeOf(row?.["oldest"]) }
    })
  }

  /** Returns events after `cursor` and up to `head`, oldest first, of one session or of all. */
  page(
    { query }: PostgresConnection,
    sessionKey: string | undefined,
    cursor: number,
    head: number,
    limit: number,
  ): Effect.Effect<EventPage, SqlError> {
    const rows =
      sessionKey === undefined
        ? query(PAGE, [cursor, head, limit])
        : query(PAGE_OF_SESSION, [cursor, head, limit, sessionKey])
    return Effect.map(rows, (found) => {
      const events = found.filter(({ seq }) => seq !== null)
      const candidates = Number(events[0]?.["candidates"] ?? 0)
      return {
        rows: events.map(toKeptRow),
        more: candidates === limit || events.length < candidates,
        dropped: Number(found[0]?.["dropped"] ?? 0),
      }
    })
  }
}
