/**
 * PostgresListener: the session that holds the schema for one gateway and hears of new events. It notices the loss of the
 * server at once, also while nothing is written, and comes back by itself. PostgresStorage uses it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import { StartupError } from "../../../domain/StartupError.ts"
import type { Postgres } from "./Postgres.ts"
import { openSession } from "./PostgresConnection.ts"
import { toStartupError } from "./PostgresError.ts"
import type { PostgresHealth } from "./PostgresHealth.ts"
import { LOCK_CLASS } from "./PostgresMigrations.ts"

/** The lock of the schema. The lock of a transaction has `LOCK_CLASS` itself. */
const SCHEMA_LOCK = LOCK_CLASS + 1

/** Pause between two attempts to take the lock, or to reach the server. */
const PAUSE = "250 millis"

/** How long a start waits for a gateway that has just ended. */
const START_ATTEMPTS = 12

/** How long a gateway that was cut off waits for its own old session, which the server ends after about 30 seconds. */
const RETURN_ATTEMPTS = 240

/** A notification may be lost with its session, so the listener also wakes by the clock. */
const WAKE_INTERVAL = "1 second"

const settings = { tcp_keepalives_idle: "10", tcp_keepalives_interval: "5", tcp_keepalives_count: "4" }

const usedByAnother = ({ target }: Postgres) =>
  new StartupError({
    problem: `another gateway uses the schema ${target.schema} of the database ${target.name}`,
    remedy: "stop it, or name another schema in databaseUrl, e.g. ?schema=second",
  })

export interface ListenerOptions {
  readonly postgres: Postgres
  readonly health: PostgresHealth
  /** New events may have been committed. */
  readonly onWake: () => void
  /** How often a gateway that was cut off tries to take the schema back. Left out: for a minute. */
  readonly returnAttempts?: number
}

/**
 * Holds the schema until the scope closes. Fails with `StartupError` if another gateway holds it. Returns an effect that
 * fails when another gateway has taken it, which can happen only while the server was out of reach.
 */
export const listen = Effect.fnUntraced(function* ({
  health,
  onWake,
  postgres,
  returnAttempts = RETURN_ATTEMPTS,
}: ListenerOptions): Effect.fn.Return<Effect.Effect<never, StartupError>, StartupError, Scope.Scope> {
  const { channel, schemaId, target } = postgres
  const isHeld = yield* Deferred.make<void, StartupError>()
  const lost = yield* Deferred.make<never, StartupError>()

  /** Listens until the session ends. Fails with `StartupError` if another gateway holds the schema. */
  const session = (attempts: number) =>
    Effect.gen(function* () {
      const connection = yield* openSession(target, { name: "causeway listener", settings })
      const tryLock = Effect.gen(function* () {
        const { rows } = yield* connection.query("SELECT pg_try_advisory_lock($1::int, $2::int) AS held", [
          SCHEMA_LOCK,
          schemaId | 0,
        ])
        if (rows[0]?.["held"] !== true) return yield* usedByAnother(postgres)
      })
      yield* Effect.retry(tryLock, {
        while: (error) => error._tag === "StartupError",
        schedule: Schedule.spaced(PAUSE),
        times: attempts,
      })
      // First listens, then wakes: an event that is committed between the two is not missed.
      const notifications = yield* connection.listen(channel)
      yield* health.up
      yield* Deferred.succeed(isHeld, undefined)
      const heard = Effect.andThen(Queue.take(notifications), Effect.sync(onWake))
      yield* Effect.sync(onWake)
      return yield* Effect.forever(heard)
    }).pipe(Effect.scoped)

  const down = (error: SqlError) => Effect.andThen(health.down(error), Effect.sleep(PAUSE))
  const rest = Effect.forever(Effect.catchTag(session(returnAttempts), "SqlError", down))
  const first = Effect.catchTag(session(START_ATTEMPTS), "SqlError", (error) =>
    Effect.andThen(Deferred.fail(isHeld, toStartupError(error, target.name)), down(error)),
  )
  yield* Effect.andThen(first, rest).pipe(
    Effect.catchTag("StartupError", (error) =>
      Effect.andThen(Deferred.fail(isHeld, error), Deferred.fail(lost, error)),
    ),
    Effect.forkScoped,
  )
  yield* Effect.forkScoped(Effect.repeat(Effect.sync(onWake), Schedule.spaced(WAKE_INTERVAL)))
  yield* Deferred.await(isHeld)
  return Deferred.await(lost)
})
