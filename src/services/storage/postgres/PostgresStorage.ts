/**
 * PostgresStorage: Storage on PostgreSQL. If the server is gone, writes report `StorageBusy` and go on when it is back.
 * Database chooses this module if the option `databaseUrl` is set, and imports it then.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { randomUUID } from "node:crypto"
import type { StartupError } from "../../../domain/StartupError.ts"
import { StorageUnavailable } from "../../../domain/Storage.ts"
import { type PendingWork, type Retention, Storage, StorageBusy, type WriteOptions } from "../Storage.ts"
import { Tx } from "../Tx.ts"
import { GroupWriter, type WorkExit } from "./GroupWriter.ts"
import { openPostgres, type Postgres } from "./Postgres.ts"
import type { PostgresConnection } from "./PostgresConnection.ts"
import { orUnavailable, toStartupError } from "./PostgresError.ts"
import { PostgresHealth } from "./PostgresHealth.ts"
import { listen } from "./PostgresListener.ts"
import { PostgresLog } from "./PostgresLog.ts"
import { postgresStores } from "./PostgresStores.ts"
import { readUrl } from "./PostgresUrl.ts"

export interface PostgresStorageOptions {
  readonly url: Redacted.Redacted
  readonly retention: Retention
  /** How long a write waits for a server that is gone, in milliseconds. */
  readonly waitMs: number
}

/** The pause between two attempts to reach the server. */
const PAUSE_MS = 100

/** The events that one read returns. */
const PAGE = 1_000

/** A transaction that takes longer has lost its server without an error: the machine or the network is gone. */
const TRANSACTION_MS = 20_000

const inDoubt = new StorageUnavailable({
  detail: "PostgreSQL: the connection was lost during a commit, which may have been made",
})

/** Ends the session if the effect takes too long. Goes by the wall clock, as the server does. */
const within = <A, E>(connection: PostgresConnection, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.acquireUseRelease(
    Effect.sync(() => setTimeout(() => Effect.runFork(connection.close), TRANSACTION_MS)),
    () => effect,
    (timer) => Effect.sync(() => clearTimeout(timer)),
  )

/** Connects, migrates, and fails with `StartupError` if the server cannot be used. */
export const open = Effect.fn("PostgresStorage.open")(function* (
  options: PostgresStorageOptions,
): Effect.fn.Return<
  { readonly storage: Storage["Service"]; readonly postgres: Postgres; readonly health: PostgresHealth },
  StartupError,
  Scope.Scope
> {
  const postgres = yield* openPostgres(yield* readUrl(options.url))
  const health = new PostgresHealth(postgres.target.name)
  return { storage: yield* make(postgres, health, options), postgres, health }
})

const make = Effect.fnUntraced(function* (
  postgres: Postgres,
  health: PostgresHealth,
  { retention, waitMs }: PostgresStorageOptions,
) {
  const scope = yield* Effect.scope
  const { target } = postgres
  const { reader, writer: connection } = postgres
  const log = yield* Effect.mapError(PostgresLog.open(reader, retention), (error) => toStartupError(error, target.name))
  const stores = postgresStores(connection)
  const writer = new GroupWriter({ ...postgres, connection, stores, node: randomUUID() })
  const readStores = postgresStores(reader)

  const reach = (session: PostgresConnection) =>
    Effect.suspend(() =>
      session.isOpen
        ? Effect.void
        : session.open.pipe(
            Effect.tap(() => health.up),
            Effect.tapError((error) => health.down(error)),
          ),
    )

  const attempt = (group: ReadonlyArray<PendingWork>, options: WriteOptions) =>
    Effect.andThen(orUnavailable(reach(connection)), within(connection, writer.write(group, options)))

  const busy = (failure: StorageUnavailable) => new StorageBusy({ pauseMs: PAUSE_MS, limitMs: waitMs, failure })

  /** Publishes the events of a commit in doubt, if it was made, as soon as the server is back. */
  const publishWhenBack = ({ onForeign, published }: WriteOptions) =>
    Effect.gen(function* () {
      yield* orUnavailable(reach(reader))
      // The session of the commit may still be at work.
      yield* writer.untilUnlocked(reader)
      for (let after = published, more = true; more;) {
        const page = yield* orUnavailable(log.page(reader, undefined, after, Number.MAX_SAFE_INTEGER, PAGE))
        onForeign(page.rows)
        after = page.rows.at(-1)?.number ?? after
        more = page.more
      }
    }).pipe(Effect.retry(Schedule.spaced(PAUSE_MS)))

  /** Reaches the server again and finds out whether the group was committed. Gives up after `waitMs`. */
  const resolve = Effect.fnUntraced(function* (group: ReadonlyArray<PendingWork>, options: WriteOptions) {
    const deadline = (yield* Clock.currentTimeMillis) + waitMs
    while (writer.isInDoubt) {
      if ((yield* Clock.currentTimeMillis) >= deadline) {
        writer.forget()
        yield* Effect.forkIn(publishWhenBack(options), scope)
        return yield* inDoubt
      }
      yield* Effect.sleep(PAUSE_MS)
      const exits = yield* Effect.option(attempt(group, options))
      if (exits._tag === "Some") return exits.value
    }
    // The server has not made the commit, and was lost again.
    return yield* busy(inDoubt)
  })

  const write = Effect.fnUntraced(function* (
    group: ReadonlyArray<PendingWork>,
    options: WriteOptions,
  ): Effect.fn.Return<ReadonlyArray<WorkExit>, StorageUnavailable | StorageBusy> {
    const exits = yield* attempt(group, options).pipe(
      Effect.catch((failure): Effect.Effect<ReadonlyArray<WorkExit>, StorageUnavailable | StorageBusy> => {
        if (connection.isOpen) return Effect.fail(failure)
        return writer.isInDoubt ? resolve(group, options) : Effect.fail(busy(failure))
      }),
    )
    const newest = exits.flatMap((exit) => (exit._tag === "Success" ? exit.value.rows : [])).at(-1)
    if (newest !== undefined) log.add(newest.number, newest.at)
    if (log.isOverdue(options.at)) {
      const dropped = orUnavailable(log.dropOld(connection, options.at))
      yield* group.length === 0 ? dropped : Effect.ignore(dropped)
    }
    return exits
  })

  /** Runs a read once more if its session had ended, e.g. by a restart of the server. */
  const readAgain = <A, E>(look: Effect.Effect<A, E>): Effect.Effect<A, E | StorageUnavailable> => {
    const once = Effect.andThen(orUnavailable(reach(reader)), look)
    return Effect.catch(once, (error) => (reader.isOpen ? Effect.fail(error) : once))
  }

  return Storage.of({
    epoch: postgres.epoch,
    newest: log.newest,
    dropped: () => log.dropped,
    write: (group, options) => Effect.uninterruptible(write(group, options)),
    page: (sessionKey, cursor, head, limit) =>
      readAgain(orUnavailable(log.page(reader, sessionKey, cursor, head, limit))),
    isOverdue: (now) => log.isOverdue(now),
    read: (look) => readAgain(Effect.provideService(look, Tx, readStores)),
    problem: (now) => health.problem(now),
    // The listener of `layer` holds the schema.
    lost: Effect.never,
    changedByOthers: Effect.succeed(false),
  })
})

/** Storage for one gateway: a second one with the same schema fails with `StartupError`. */
export const layer = (options: PostgresStorageOptions): Layer.Layer<Storage, StartupError> =>
  Layer.effect(
    Storage,
    Effect.gen(function* () {
      const { health, postgres, storage } = yield* open(options)
      const lost = yield* listen({ postgres, health, onWake: () => {} })
      return { ...storage, lost }
    }),
  )
