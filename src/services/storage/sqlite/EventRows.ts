/**
 * The statements of the event log and its retention. Numbers are gapless, so the number of rows follows from the oldest
 * and the newest one. SqliteStorage uses it, inside a transaction or to read.
 */
import * as Schema from "effect/Schema"
import { randomUUID } from "node:crypto"
import type { DatabaseSync } from "node:sqlite"
import { KeptEvent, sessionOf } from "../../../domain/Event.ts"
import type { EventPage, KeptRow, Retention } from "../Storage.ts"

const encode = Schema.encodeSync(KeptEvent)
const decode = Schema.decodeUnknownSync(KeptEvent)

/** Rows that one step drops. The event loop waits for the whole step. */
const STEP = 512

/** Characters of rows that one page has. */
const PAGE_CHARS = 1_048_576

const LogRow = Schema.Struct({ epoch: Schema.String, dropped: Schema.Int })
const EventRow = Schema.Struct({ seq: Schema.Int, at: Schema.Finite, event: Schema.String })
const MarkRow = Schema.Struct({ seq: Schema.Int, at: Schema.Finite })
const readLog = Schema.decodeUnknownSync(Schema.UndefinedOr(LogRow))
const readEvent = Schema.decodeUnknownSync(EventRow)
const readMark = Schema.decodeUnknownSync(Schema.UndefinedOr(MarkRow))

/** A row without its event. */
interface Mark {
  readonly number: number
  readonly at: number
}

const toMark = (row: unknown): Mark | undefined => {
  const mark = readMark(row)
  return mark === undefined ? undefined : { number: mark.seq, at: mark.at }
}

/** The state of the table in the open transaction. It is immutable, so a rollback restores the earlier value. */
interface State {
  /** Retention has dropped the rows up to this number. */
  readonly dropped: number
  readonly oldest: Mark | undefined
  readonly newest: Mark
}

export class EventRows {
  readonly epoch: string
  readonly #retention: Retention
  readonly #slack: number
  readonly #statements: ReturnType<typeof prepare>
  #state: State

  /** Reads the log, or creates it with a new epoch. */
  constructor(db: DatabaseSync, retention: Retention) {
    this.#retention = retention
    // Rows are dropped in steps, not one for each inserted row.
    this.#slack = Math.min(STEP, Math.ceil(retention.rows / 10))
    this.#statements = prepare(db)
    const log = readLog(this.#statements.log.get())
    this.epoch = log?.epoch ?? randomUUID()
    if (log === undefined) this.#statements.create.run(this.epoch)
    const dropped = log?.dropped ?? 0
    const newest = toMark(this.#statements.newest.get()) ?? { number: dropped, at: 0 }
    this.#state = { dropped, oldest: toMark(this.#statements.oldest.get(0)), newest }
  }

  get state(): State {
    return this.#state
  }

  /** Restores the state of the beginning of a transaction or of a work, after its rollback. */
  restore(state: State): void {
    this.#state = state
  }

  /** Gives the event the next number and inserts its row. */
  insert(event: KeptEvent, at: number): KeptRow {
    const number = this.#state.newest.number + 1
    this.#statements.insert.run(number, at, sessionOf(event) ?? null, JSON.stringify(encode(event)))
    const mark = { number, at }
    this.#state = { ...this.#state, newest: mark, oldest: this.#state.oldest ?? mark }
    return { number, at, event }
  }

  /** See `Storage.page`. */
  page(sessionKey: string | undefined, cursor: number, head: number, limit: number): EventPage {
    const found =
      sessionKey === undefined
        ? this.#statements.page.iterate(cursor, head, limit)
        : this.#statements.pageOfSession.iterate(sessionKey, cursor, head, limit)
    const { dropped } = this.#state
    const rows: Array<KeptRow> = []
    let chars = 0
    for (const row of found) {
      const { at, event, seq } = readEvent(row)
      rows.push({ number: seq, at, event: decode(JSON.parse(event)) })
      chars += event.length
      if (chars >= PAGE_CHARS) return { rows, more: true, dropped }
    }
    return { rows, more: rows.length === limit, dropped }
  }

  /** Returns whether retention has rows to drop at the time `now`. */
  isOverdue(now: number): boolean {
    const { newest, oldest } = this.#state
    if (oldest === undefined) return false
    const overflow = newest.number - oldest.number - this.#retention.rows
    return overflow >= this.#slack || oldest.at < now - this.#retention.ageMs
  }

  /** Drops the oldest rows that retention does not keep, at most `STEP` more than the rows just `added`. */
  dropOld(now: number, added: number): void {
    if (!this.isOverdue(now)) return
    const lastDropped = this.#state.newest.number - this.#retention.rows
    let last: number | undefined
    for (const row of this.#statements.marks.iterate(STEP + added)) {
      const mark = toMark(row)
      // Goes by number, not by time, so that a clock that was set back does not keep older rows.
      if (mark === undefined || (mark.number > lastDropped && mark.at >= now - this.#retention.ageMs)) break
      last = mark.number
    }
    if (last === undefined) return
    this.#statements.drop.run(last)
    this.#statements.setDropped.run(last)
    this.#state = { ...this.#state, dropped: last, oldest: toMark(this.#statements.oldest.get(last)) }
  }
}

const prepare = (db: DatabaseSync) => ({
  log: db.prepare("SELECT epoch, dropped FROM event_log"),
  create: db.prepare("INSERT INTO event_log (id, epoch, dropped) VALUES (1, ?, 0)"),
  setDropped: db.prepare("UPDATE event_log SET dropped = ?"),
  oldest: db.prepare("SELECT seq, at FROM events WHERE seq > ? ORDER BY seq LIMIT 1"),
  newest: db.prepare("SELECT seq, at FROM events ORDER BY seq DESC LIMIT 1"),
  marks: db.prepare("SELECT seq, at FROM events ORDER BY seq LIMIT ?"),
  insert: db.prepare("INSERT INTO events (seq, at, session_key, event) VALUES (?, ?, ?, ?)"),
  drop: db.prepare("DELETE FROM events WHERE seq <= ?"),
  page: db.prepare("SELECT seq, at, event FROM events WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"),
  pageOfSession: db.prepare(
    "SELECT seq, at, event FROM events WHERE session_key = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?",
  ),
})
