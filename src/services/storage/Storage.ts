/**
 * Storage: the database behind the gateway, as the event log and the services see it. It writes groups of works with
 * their events in one transaction, reads the event log, and drops old events. storage/sqlite and storage/postgres
 * implement it; Database chooses one. The modules in events use it, and System asks it for problems.
 */
import * as Context from "effect/Context"
import * as Data from "effect/Data"
import * as Duration from "effect/Duration"
import type * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type { KeptEvent } from "../../domain/Event.ts"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { StartupError } from "../../domain/StartupError.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { Stored } from "./Stored.ts"
import type { Tx, Work } from "./Tx.ts"

/** One row of the event log. Numbers are 1, 2, 3, ... in the order of the commits. */
export interface KeptRow {
  readonly number: number
  /** Milliseconds since the Unix epoch. */
  readonly at: number
  readonly event: KeptEvent
}

/** A work that waits for its transaction. */
export interface PendingWork {
  /** The name of its caller, for the log. */
  readonly name: string
  /** Works with the same key run in order. Works with different keys may share round trips. Without a key it runs alone. */
  readonly key: string | undefined
  readonly work: Work<unknown, unknown>
}

/** The answer of a work, and the rows of its events. */
export interface Committed {
  readonly answer: unknown
  readonly rows: ReadonlyArray<KeptRow>
}

/**
 * Nothing was written, because the database cannot be reached now: another process holds its write lock, or the
 * connection is being restored. Try again after `pauseMs`. A work that has waited for `limitMs` fails with `failure`.
 */
export class StorageBusy extends Data.TaggedError("StorageBusy")<{
  readonly pauseMs: number
  readonly limitMs: number
  readonly failure: StorageUnavailable
}> {}

export interface WriteOptions {
  /** The time of all events of the group. */
  readonly at: number
  /** The number of the newest published event. */
  readonly published: number
  /** Receives the rows after `published` that other nodes have committed, before the works run. */
  readonly onForeign: (rows: ReadonlyArray<KeptRow>) => void
}

/** The bounds of the log: rows that it keeps at most, and their age in milliseconds. */
export interface Retention {
  readonly rows: number
  readonly ageMs: number
}

/** Returns the bounds that the options `events` set. */
export const retentionOf = ({ retainDays, retainRows }: GatewaySettings["events"]): Retention => ({
  rows: retainRows,
  ageMs: Duration.toMillis(Duration.days(retainDays)),
})

export interface EventPage {
  readonly rows: ReadonlyArray<KeptRow>
  /** The page ended at its limit, so rows may be left. */
  readonly more: boolean
  /** Retention has dropped the rows up to this number. A cursor below it has missed rows. */
  readonly dropped: number
}

export class Storage extends Context.Service<
  Storage,
  {
    /** The id of this event log. A restored backup or a renumbering has another one. */
    readonly epoch: string
    /** The newest event when the storage was opened. */
    readonly newest: { readonly number: number; readonly at: number }
    /** Retention has dropped the rows up to this number, as far as this process knows. */
    readonly dropped: () => number
    /**
     * Writes the works and their events in one transaction. Returns one exit per work, in the order of the group: a work
     * that fails or dies does not undo the others. When it returns, the group is durable. Also drops a step of events
     * that retention does not keep.
     */
    write(
      group: ReadonlyArray<PendingWork>,
      options: WriteOptions,
    ): Effect.Effect<ReadonlyArray<Exit.Exit<Committed, unknown>>, StorageUnavailable | StorageBusy>
    /** Returns events after `cursor` and up to `head`, oldest first, of one session or of all. */
    page(sessionKey: string | undefined, cursor: number, head: number, limit: number): Stored<EventPage>
    /** Returns whether retention has events to drop at the time `now`. Writing an empty group drops some. */
    readonly isOverdue: (now: number) => boolean
    /** Reads outside transactions. Several reads are no snapshot: commits may come between them. */
    read<A, E>(look: Effect.Effect<A, E, Tx>): Effect.Effect<A, E | StorageUnavailable>
    /** Returns the problem if writes wait at the time `now`, or `null`. */
    readonly problem: (now: number) => string | null
    /** Fails as soon as another gateway has taken the database. */
    readonly lost: Effect.Effect<never, StartupError>
    /** Returns whether another program may have changed rows since the last call. */
    readonly changedByOthers: Stored<boolean>
  }
>()("causeway/services/storage/Storage") {}
