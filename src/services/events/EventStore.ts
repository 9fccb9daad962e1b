/**
 * EventStore: the tables of the event log, with its rows, reserved positions and retention. All methods are synchronous
 * and run in the open transaction. EventLog owns it; GroupCommit writes to it and Replay reads from it.
 */
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import type { DatabaseSync } from "node:sqlite"
import { KeptEvent, type Positioned, sessionOf } from "../../domain/Event.ts"

/** The bounds of the log: rows that it keeps at most, and their age in milliseconds. */
export interface Retention {
  readonly rows: number
  readonly ageMs: number
}

const encode = Schema.encodeSync(KeptEvent)
const decode = Schema.decodeUnknownSync(KeptEvent)

/**
 * Positions are reserved on disk this far ahead. Live events take positions and leave no row, so the rows do not show the
 * last position after a crash. The next start continues above the reserved positions and never assigns one twice.
 */
const RESERVE = 100_000

/** Rows that one step drops. The event loop waits for the whole step. */
const STEP = 512

/** Characters of rows that one read returns. */
const PAGE_CHARS = 1_048_576

const LogRow = Schema.Struct({ epoch: Schema.String, ceiling: Schema.Int, dropped: Schema.Int })
const EventRow = Schema.Struct({ seq: Schema.Int, at: Schema.Finite, event: Schema.String })
const MarkRow = Schema.Struct({ seq: Schema.Int, nth: Schema.Int, at: Schema.Finite })
const readLog = Schema.decodeUnknownSync(Schema.UndefinedOr(LogRow))
const readEvent = Schema.decodeUnknownSync(EventRow)
const readMark = Schema.decodeUnknownSync(Schema.UndefinedOr(MarkRow))

/** The state of the table in the open transaction. It is immutable, so a rollback restores the earlier value. */
interface State {
  readonly ceiling: number
  /** Retention has dropped the rows up to this position. */
  readonly dropped: number
  readonly oldest: { readonly nth: number; readonly at: number } | undefined
  readonly newestNth: number
}

export class EventStore {
  readonly epoch: string
  /** The first new position is one above this. */
  readonly start: number
  readonly #retention: Retention
  readonly #slack: number
  readonly #statements: ReturnType<typeof prepare>
  #state: State

  /** Reads the log, or creates it with a new epoch, and reserves positions. */
  constructor(db: DatabaseSync, retention: Retention) {
    this.#retention = retention
    // Rows are dropped in steps, not one for each inserted row.
    this.#slack = Math.min(STEP, Math.ceil(retention.rows / 10))
    this.#statements = prepare(db)
    const log = readLog(this.#statements.log.get())
    const oldest = readMark(this.#statements.oldest.get(0))
    const newest = readMark(this.#statements.newest.get())
    this.epoch = log?.epoch ?? randomUUID()
    this.start = Math.max(log?.ceiling ?? 0, newest?.seq ?? 0)
    this.#state = {
      ceiling: this.start + RESERVE,
      dropped: log?.dropped ?? 0,
      oldest,
      newestNth: newest?.nth ?? 0,
    }
    this.#statements.open.run(this.epoch, this.#state.ceiling, this.#state.dropped)
  }

  get state(): State {
    return this.#state
  }

  /** Restores the state of the beginning of a transaction, after its rollback. */
  restore(state: State): void {
    this.#state = state
  }

  get dropped(): number {
    return this.#state.dropped
  }

  insert(positioned: Positioned, event: KeptEvent): void {
    const { newestNth, oldest } = this.#state
    const nth = newestNth + 1
    const { at, seq } = positioned
    this.#statements.insert.run(seq, nth, at, sessionOf(event) ?? null, JSON.stringify(encode(event)))
    this.#state = { ...this.#state, newestNth: nth, oldest: oldest ?? { nth, at } }
  }

  /** Returns whether positions up to `seq` can be assigned without a write. */
  isReserved(seq: number): boolean {
    return seq <= this.#state.ceiling
  }

  /** Returns whether to reserve more positions: half of them stay in reserve for a full disk. */
  shouldReserve(seq: number): boolean {
    return seq > this.#state.ceiling - RESERVE / 2
  }

  reserve(seq: number): void {
    this.#setCeiling(seq + RESERVE)
  }

  /** Releases the reserved positions after `seq`, at a clean stop. The next start continues there. */
  release(seq: number): void {
    this.#setCeiling(seq)
  }

  #setCeiling(ceiling: number): void {
    this.#statements.setCeiling.run(ceiling)
    this.#state = { ...this.#state, ceiling }
  }

  /**
   * Returns the events after `cursor` and up to `head`, oldest first, of one session or of all. `more`: the page ended at
   * `limit` rows or at `PAGE_CHARS`.
   */
  read(sessionKey: string | undefined, cursor: number, head: number, limit: number) {
    const rows =
      sessionKey === undefined
        ? this.#statements.page.iterate(cursor, head, limit)
        : this.#statements.pageOfSession.iterate(sessionKey, cursor, head, limit)
    const events: Array<Positioned> = []
    let chars = 0
    for (const row of rows) {
      const { at, event, seq } = readEvent(row)
      events.push({ _tag: "Event", seq, at, event: decode(JSON.parse(event)) })
      chars += event.length
      if (chars >= PAGE_CHARS) return { events, more: true }
    }
    return { events, more: events.length === limit }
  }

  /** Returns whether retention has rows to drop at the time `now`. */
  isOverdue(now: number): boolean {
    const { newestNth, oldest } = this.#state
    if (oldest === undefined) return false
    return newestNth - oldest.nth >= this.#retention.rows + this.#slack || oldest.at < now - this.#retention.ageMs
  }

  /** Drops the oldest rows that retention does not keep, at most `STEP` more than the rows just `added`. */
  dropOld(now: number, added: number): void {
    if (!this.isOverdue(now)) return
    const { newestNth } = this.#state
    const lastNth = newestNth - this.#retention.rows
    let last: number | undefined
    for (const row of this.#statements.marks.iterate(STEP + added)) {
      const mark = readMark(row)
      // Goes by position, not by time, so that a clock that was set back does not keep older rows.
      if (mark === undefined || (mark.nth > lastNth && mark.at >= now - this.#retention.ageMs)) break
      last = mark.seq
    }
    if (last === undefined) return
    this.#statements.drop.run(last)
    this.#statements.setDropped.run(last)
    this.#state = { ...this.#state, dropped: last, oldest: readMark(this.#statements.oldest.get(last)) }
  }
}

const prepare = (db: DatabaseSync) => ({
  log: db.prepare("SELECT epoch, ceiling, dropped FROM event_log"),
  open: db.prepare(
    "INSERT INTO event_log (id, epoch, ceiling, dropped) VALUES (1, ?, ?, ?) ON CONFLICT DO UPDATE SET ceiling = excluded.ceiling",
  ),
  setCeiling: db.prepare("UPDATE event_log SET ceiling = ?"),
  setDropped: db.prepare("UPDATE event_log SET dropped = ?"),
  oldest: db.prepare("SELECT seq, nth, at FROM events WHERE seq > ? ORDER BY seq LIMIT 1"),
  newest: db.prepare("SELECT seq, nth, at FROM events ORDER BY seq DESC LIMIT 1"),
  marks: db.prepare("SELECT seq, nth, at FROM events ORDER BY seq LIMIT ?"),
  insert: db.prepare("INSERT INTO events (seq, nth, at, session_key, event) VALUES (?, ?, ?, ?, ?)"),
  drop: db.prepare("DELETE FROM events WHERE seq <= ?"),
  page: db.prepare("SELECT seq, at, event FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"),
  pageOfSession: db.prepare(
    "SELECT seq, at, event FROM events WHERE session_key = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
  ),
})
