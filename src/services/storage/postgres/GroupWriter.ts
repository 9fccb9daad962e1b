/**
 * GroupWriter: writes a group of works and their events as one transaction of PostgreSQL. One lock orders the transactions
 * of all writers, and each takes it before its works look at anything. So works run one group after another, and the
 * numbers of events have no gaps and the order of the commits. PostgresStorage uses it.
 *
 * Works with different keys share round trips. If one of them fails after a write, PostgreSQL has undone the whole group.
 * Then the group runs again, one work after another, each under a savepoint.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Schema from "effect/Schema"
import { KeptEvent, sessionOf } from "../../../domain/Event.ts"
import { StorageUnavailable } from "../../../domain/Storage.ts"
import type { Committed, KeptRow, PendingWork, WriteOptions } from "../Storage.ts"
import { type Change, type Stores, Tx } from "../Tx.ts"
import { type PostgresConnection, type Rows, texts } from "./PostgresConnection.ts"
import { orUnavailable } from "./PostgresError.ts"
import { LOCK_CLASS } from "./PostgresMigrations.ts"
import { WorkState } from "./WorkState.ts"

const encode = Schema.encodeSync(KeptEvent)
const decode = Schema.decodeUnknownSync(KeptEvent)

/** Returns the row of an event as the log publishes it. */
export const toKeptRow = (row: Rows[number]): KeptRow => ({
  number: Number(row["seq"]),
  at: Number(row["at"]),
  event: decode(JSON.parse(String(row["event"]))),
})

export type WorkExit = Exit.Exit<Committed, unknown>

export interface GroupWriterOptions {
  readonly connection: PostgresConnection
  /** The stores of works, over this connection. */
  readonly stores: Stores
  /** The id of the schema. Locks belong to the whole database. */
  readonly schemaId: number
  /** Receives the number of the newest event at each commit. */
  readonly channel: string
  /** Unique among all writers, after restarts too. */
  readonly node: string
}

/** The answer to a COMMIT was lost. The next transaction sees, under the lock, whether the group was committed. */
interface Doubt {
  readonly groupId: string
  readonly exits: ReadonlyArray<WorkExit>
}

/** How a work has ended, before its events have numbers. */
interface Outcome {
  readonly exit: Exit.Exit<Change<unknown>, unknown>
  readonly hasWritten: boolean
}

/** A run of the group. Undefined: a work has failed after a write, so its neighbours are undone and have to run again. */
type Run = Effect.Effect<ReadonlyArray<Outcome> | undefined, StorageUnavailable>

/** A work may keep the lock of all writers for this time without a statement, and for twice this time at most. */
const IDLE_MS = 500

/** The events of others that one statement reads. A small number lets PostgreSQL keep one plan for it. */
const MISSED = 100

/** Returns the oldest events after `$1`, or one row without an event. */
const READ_MISSED = `SELECT l.dropped, e.* FROM event_log l LEFT JOIN
  (SELECT seq, at, event FROM events WHERE seq > $1 ORDER BY seq LIMIT ${MISSED}) e ON true ORDER BY e.seq`

const ADD_EVENTS = `WITH added AS (INSERT INTO events (seq, at, session_key, event, group_id)
    SELECT $1 + e.n - 1, $2, e.key, e.event, CASE WHEN e.n = 1 THEN $5 END
    FROM unnest($3::text[], $4::text[]) WITH ORDINALITY AS e(key, event, n))
  SELECT pg_notify($6, $7)`

const lost = new StorageUnavailable({ detail: "PostgreSQL: the connection was lost" })

const swallowed = Exit.die(new Error("the work went on after a statement of it had failed"))

const rowsOf = (exit: WorkExit): ReadonlyArray<KeptRow> => (Exit.isSuccess(exit) ? exit.value.rows : [])

/** Gives the events of the works the numbers after `head`. */
const numbered = (outcomes: ReadonlyArray<Outcome>, head: number, at: number): ReadonlyArray<WorkExit> => {
  let number = head
  return outcomes.map(({ exit }) =>
    Exit.map(exit, ([answer, events]) => ({ answer, rows: events.map((event) => ({ number: ++number, at, event })) })),
  )
}

export class GroupWriter {
  readonly #options: GroupWriterOptions
  readonly #query: (sql: string, params?: ReadonlyArray<unknown>) => Effect.Effect<Rows, StorageUnavailable>
  readonly #lock: ReadonlyArray<number>
  /** Stops the works that run now. */
  readonly #running = new Set<() => void>()
  #groups = 0
  #doubt: Doubt | undefined

  constructor(options: GroupWriterOptions) {
    this.#options = options
    this.#query = (sql, params) => orUnavailable(options.connection.query(sql, params))
    // Locks have signed numbers of 32 bits, and ids of schemas have 32 bits without a sign.
    this.#lock = [LOCK_CLASS, options.schemaId | 0]
  }

  /** Whether the answer to the last COMMIT was lost. `write` with the same group resolves it. */
  get isInDoubt(): boolean {
    return this.#doubt !== undefined
  }

  /** Waits until no writer has an open transaction, on the session of a reader. */
  untilUnlocked(reader: PostgresConnection): Effect.Effect<void, StorageUnavailable> {
    return Effect.asVoid(orUnavailable(reader.query("SELECT pg_advisory_xact_lock($1::int, $2::int)", this.#lock)))
  }

  /** Gives up on the answer of a lost COMMIT. If it was committed, its rows appear as those of another writer. */
  forget(): void {
    this.#doubt = undefined
  }

  /**
   * Writes the group on the open connection and returns one exit for each work. Fails if the connection or the transaction
   * has failed. Then nothing was committed, or `isInDoubt`, and the caller writes the same group again.
   */
  write(
    group: ReadonlyArray<PendingWork>,
    options: WriteOptions,
  ): Effect.Effect<ReadonlyArray<WorkExit>, StorageUnavailable> {
    return this.#transaction(this.#runTogether(group), options).pipe(
      Effect.flatMap((exits) =>
        exits === undefined ? this.#transaction(this.#runApart(group), options) : Effect.succeed(exits),
      ),
      Effect.flatMap((exits) =>
        exits === undefined ? Effect.die(new Error("a savepoint was lost")) : Effect.succeed(exits),
      ),
      Effect.uninterruptible,
    )
  }

  /** Returns undefined, and has rolled back, if works have to run again under savepoints. */
  #transaction(
    run: Run,
    options: WriteOptions,
  ): Effect.Effect<ReadonlyArray<WorkExit> | undefined, StorageUnavailable> {
    const query = this.#query
    const rollBack = Effect.suspend(() =>
      this.#options.connection.isOpen ? Effect.ignore(query("ROLLBACK")) : Effect.void,
    )
    return Effect.gen({ self: this }, function* () {
      const [, , { head, missed }] = yield* Effect.all(
        [
          query("BEGIN"),
          query("SELECT pg_advisory_xact_lock($1::int, $2::int)", this.#lock),
          // A statement sees what was committed before it began: the lock is held by now.
          this.#readMissed(options.published),
        ],
        { concurrency: "unbounded" },
      )
      const resolved = yield* this.#resolveDoubt()
      const firstOwn = resolved?.flatMap(rowsOf)[0]?.number ?? Number.POSITIVE_INFINITY
      const foreign = missed.filter(({ number }) => number < firstOwn)
      // The caches are complete before a work decides.
      if (foreign.length > 0) options.onForeign(foreign)
      if (resolved !== undefined) {
        yield* rollBack
        return resolved
      }
      const outcomes = yield* this.#watched(run)
      if (outcomes === undefined) {
        yield* rollBack
        return undefined
      }
      return yield* this.#commit(numbered(outcomes, head, options.at), outcomes)
    }).pipe(Effect.onError(() => rollBack))
  }

  /** Returns the events that others have committed, and the number of the newest event. */
  readonly #readMissed = Effect.fnUntraced(
    { self: this },
    function* (
      this: GroupWriter,
      published: number,
    ): Effect.fn.Return<{ readonly missed: ReadonlyArray<KeptRow>; readonly head: number }, StorageUnavailable> {
      const missed: Array<KeptRow> = []
      for (let head = published; ;) {
        const rows = yield* this.#query(READ_MISSED, [head])
        if (rows[0]?.["seq"] !== null) missed.push(...rows.map(toKeptRow))
        head = Math.max(head, Number(rows[0]?.["dropped"]), missed.at(-1)?.number ?? 0)
        if (rows.length < MISSED) return { missed, head }
      }
    },
  )

  /** Returns the exits of the group in doubt if it was committed. */
  #resolveDoubt(): Effect.Effect<ReadonlyArray<WorkExit> | undefined, StorageUnavailable> {
    const doubt = this.#doubt
    if (doubt === undefined) return Effect.undefined
    const first = doubt.exits.flatMap(rowsOf)[0]?.number ?? 0
    const found = this.#query(
      `SELECT FROM events WHERE seq = $1 AND group_id = $2
       UNION ALL SELECT FROM writers WHERE node = $3 AND group_id = $2`,
      [first, doubt.groupId, this.#options.node],
    )
    return Effect.map(found, (rows) => {
      this.#doubt = undefined
      return rows.length === 0 ? undefined : doubt.exits
    })
  }

  #commit(
    exits: ReadonlyArray<WorkExit>,
    outcomes: ReadonlyArray<Outcome>,
  ): Effect.Effect<ReadonlyArray<WorkExit> | undefined, StorageUnavailable> {
    const rows = exits.flatMap(rowsOf)
    const { channel, connection, node } = this.#options
    const query = this.#query
    if (!outcomes.some(({ hasWritten }) => hasWritten) && rows.length === 0) return Effect.as(query("ROLLBACK"), exits)
    return Effect.gen({ self: this }, function* () {
      const groupId = `${node}/${++this.#groups}`
      this.#doubt = { groupId, exits }
      const mark =
        rows.length === 0
          ? [
              query(
                `INSERT INTO writers (node, group_id) VALUES ($1, $2)
                 ON CONFLICT (node) DO UPDATE SET group_id = excluded.group_id`,
                [node, groupId],
              ),
            ]
          : [
              query(ADD_EVENTS, [
                rows[0]?.number ?? 0,
                rows[0]?.at ?? 0,
                texts(rows.map(({ event }) => sessionOf(event) ?? null)),
                texts(rows.map(({ event }) => JSON.stringify(encode(event)))),
                groupId,
                channel,
                String(rows.at(-1)?.number),
              ]),
            ]
      const statements = [...mark.map(Effect.as(true)), orUnavailable(connection.commit)]
      const answers = yield* Effect.all(statements, { concurrency: "unbounded" })
      return answers.at(-1) === true ? exits : undefined
    }).pipe(
      // The doubt stays only if the connection has ended without an answer.
      Effect.onExit(() =>
        Effect.sync(() => {
          if (connection.isOpen) this.#doubt = undefined
        }),
      ),
    )
  }

  /** Runs the work in a fiber of its own, so that `#watched` can give it up. */
  #run({ name, work }: PendingWork): Effect.Effect<Outcome> {
    return Effect.withFiber(({ context }) =>
      Effect.callback((resume) => {
        const state = { hasWritten: false, hasEnded: false }
        const end = (exit: Outcome["exit"]) => {
          if (state.hasEnded) return
          state.hasEnded = true
          this.#running.delete(stop)
          resume(Effect.succeed({ exit, hasWritten: state.hasWritten }))
        }
        const services = Context.make(Tx, this.#options.stores).pipe(Context.add(WorkState, state))
        const fiber = Effect.runForkWith(Context.merge(context, services))(work)
        const stop = () => {
          end(Exit.die(new Error(`a change of ${name} waited for something other than the database`)))
          fiber.interruptUnsafe()
        }
        this.#running.add(stop)
        fiber.addObserver(end)
      }),
    )
  }

  /** Stops works that keep the lock of all writers while no statement of them is under way. Goes by the wall clock. */
  #watched(run: Run): Run {
    const { connection } = this.#options
    let answered: number | undefined
    const check = () => {
      if (answered !== undefined && connection.answered === answered) for (const stop of this.#running) stop()
      answered = connection.answered
    }
    return Effect.acquireUseRelease(
      Effect.sync(() => setInterval(check, IDLE_MS)),
      () => run,
      (timer) => Effect.sync(() => clearInterval(timer)),
    )
  }

  /** Runs works of one key after another and works of different keys at once. A work without a key runs alone. */
  #runTogether(group: ReadonlyArray<PendingWork>): Run {
    return Effect.gen({ self: this }, function* () {
      const outcomes: Array<Outcome> = []
      for (const segment of segmentsOf(group)) {
        yield* Effect.forEach(
          segment.values(),
          Effect.forEach((index) =>
            Effect.map(this.#run(group[index]!), (outcome) => {
              outcomes[index] = outcome
            }),
          ),
          { concurrency: "unbounded", discard: true },
        )
      }
      if (!this.#options.connection.isOpen) return yield* lost
      const isUndone = outcomes.some(({ exit, hasWritten }) => Exit.isFailure(exit) && hasWritten)
      return isUndone ? undefined : outcomes
    })
  }

  /** Runs one work after another under a savepoint, so that a failing work undoes its own writes only. */
  #runApart(group: ReadonlyArray<PendingWork>): Run {
    const query = this.#query
    return Effect.forEach(group, (pending) =>
      Effect.gen({ self: this }, function* () {
        yield* query("SAVEPOINT work")
        const outcome = yield* this.#run(pending)
        if (!this.#options.connection.isOpen) return yield* lost
        const isKept = Exit.isSuccess(outcome.exit) && Exit.isSuccess(yield* Effect.exit(query("RELEASE work")))
        if (isKept) return outcome
        yield* query("ROLLBACK TO work")
        return Exit.isSuccess(outcome.exit) ? { exit: swallowed, hasWritten: false } : { ...outcome, hasWritten: false }
      }),
    )
  }
}

/** Splits the group where a work without a key runs alone. A segment has the indices of its works, by key. */
const segmentsOf = (group: ReadonlyArray<PendingWork>): ReadonlyArray<ReadonlyMap<string, ReadonlyArray<number>>> => {
  const segments: Array<Map<string, Array<number>>> = []
  let open: Map<string, Array<number>> | undefined
  for (const [index, { key }] of group.entries()) {
    if (key === undefined) {
      segments.push(new Map([["", [index]]]))
      open = undefined
      continue
    }
    if (open === undefined) segments.push((open = new Map()))
    const chain = open.get(key)
    if (chain === undefined) open.set(key, [index])
    else chain.push(index)
  }
  return segments
}
