/**
 * The event log on disk: its rows, the positions reserved, what has been dropped for its age or number. Everything is
 * synchronous and runs in whatever transaction is open; it does not know when an event becomes live.
 */
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import type { DatabaseSync } from "node:sqlite"
import { KeptEvent, type Positioned, sessionOf } from "../../domain/Event.ts"

export interface Retention {
  readonly rows: number
  readonly ageMs: number
}

const encode = Schema.encodeSync(KeptEvent)
const decode = Schema.decodeUnknownSync(KeptEvent)

/**
 * Positions are reserved on disk this far ahead. Live events take positions and leave no row, so after a crash the
 * rows do not tell where to go on; above what was reserved, no position is ever given twice.
 */
const RESERVE = 100_000

/** Rows read or dropped in one go: what the event loop may wait for. */
const STEP = 512

/** Characters of rows read in one go. */
const PAGE_CHARS = 1_048_576

const LogRow = Schema.Struct({ epoch: Schema.String, ceiling: Schema.Int, dropped: Schema.Int })
const EventRow = Schema.Struct({ seq: Schema.Int, at: Schema.Finite, event: Schema.String })
const MarkRow = Schema.Struct({ seq: Schema.Int, nth: Schema.Int, at: Schema.Finite })
const readLog = Schema.decodeUnknownSync(Schema.UndefinedOr(LogRow))
const readEvent = Schema.decodeUnknownSync(EventRow)
const readMark = Schema.decodeUnknownSync(Schema.UndefinedOr(MarkRow))

/** What is true of the table as of the open transaction. A value, so that a rollback is putting an old one back. */
interface State {
  readonly ceiling: number
  /** Rows up to this position are gone. */
  readonly dropped: number
  readonly oldest: { readonly nth: number; readonly at: number } | undefined
  readonly newestNth: number
}

export class EventStore {
  readonly epoch: string
  /** New positions begin above this. */
  readonly start: number
  readonly #retention: Retention
  readonly #slack: number
  readonly #statements: ReturnType<typeof prepare>
  #state: State

  /** Reads the log, or begins one, and reserves positions. */
  constructor(db: DatabaseSync, retention: Retention) {
    this.#retention = retention
    // Dropping in steps of some size, not a row for each row.
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
    this.#statements.begin.run(this.epoch, this.#state.ceiling, this.#state.dropped)
  }

  get state(): State {
    return this.#state
  }

  /** After a rollback: what was true when its transaction began. */
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

  /** Whether positions up to `seq` may be given without writing. */
  reserved(seq: number): boolean {
    return seq <= this.#state.ceiling
  }

  /** Whether it is time to reserve more: half of what was reserved is left for when the disk is full. */
  shouldReserve(seq: number): boolean {
    return seq > this.#state.ceiling - RESERVE / 2
  }

  reserve(seq: number): void {
    this.#setCeiling(seq + RESERVE)
  }

  /** At a clean end nothing stays reserved, and the next start goes on where this one stopped. */
  release(seq: number): void {
    this.#setCeiling(seq)
  }

  #setCeiling(ceiling: number): void {
    this.#statements.setCeiling.run(ceiling)
    this.#state = { ...this.#state, ceiling }
  }

  /** Rows after `cursor` and up to `head`, oldest first: of one session, if given; a page of them, if there are more. */
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

  /** Whether there are rows to drop at the time `now`. */
  overdue(now: number): boolean {
    const { newestNth, oldest } = this.#state
    if (oldest === undefined) return false
    return newestNth - oldest.nth >= this.#retention.rows + this.#slack || oldest.at < now - this.#retention.ageMs
  }

  /** Drops rows from the old end, a step of them at most beyond the number of rows just `added`. */
  drop(now: number, added: number): void {
    if (!this.overdue(now)) return
    const { newestNth } = this.#state
    const lastNth = newestNth - this.#retention.rows
    let drop: number | undefined
    for (const row of this.#statements.marks.iterate(STEP + added)) {
      const mark = readMark(row)
      // By position, not by time: a clock that was set back must not keep what lies before.
      if (mark === undefined || (mark.nth > lastNth && mark.at >= now - this.#retention.ageMs)) break
      drop = mark.seq
    }
    if (drop === undefined) return
    this.#statements.drop.run(drop)
    this.#statements.setDropped.run(drop)
    this.#state = { ...this.#state, dropped: drop, oldest: readMark(this.#statements.oldest.get(drop)) }
  }
}

const prepare = (db: DatabaseSync) => ({
  log: db.prepare("SELECT epoch, ceiling, dropped FROM event_log"),
  begin: db.prepare(
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
