/**
 * Postgres: the sessions of one gateway with PostgreSQL, after the checks of a start. It checks the server, migrates the
 * schema, and opens one session for commits and one for reads. PostgresStorage uses it.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { SqlError } from "effect/sql/SqlError"
import { StartupError } from "../../../domain/StartupError.ts"
import { PostgresConnection } from "./PostgresConnection.ts"
import { toStartupError } from "./PostgresError.ts"
import { migrate } from "./PostgresMigrations.ts"
import type { PostgresTarget } from "./PostgresUrl.ts"

/** Older servers lack `idle_session_timeout`, and are no longer maintained. */
const MIN_VERSION = 140_000

/**
 * A writer that stops inside its transaction holds the lock of all writers. The server ends it after this time. A
 * statement may wait for that lock, so its own limit is much longer.
 */
const IDLE_IN_TRANSACTION_MS = 3_000
const STATEMENT_MS = 15_000

/** The server ends a session of a machine that is gone after about 30 seconds. */
const settings = {
  statement_timeout: `${STATEMENT_MS}`,
  idle_in_transaction_session_timeout: `${IDLE_IN_TRANSACTION_MS}`,
  tcp_keepalives_idle: "10",
  tcp_keepalives_interval: "5",
  tcp_keepalives_count: "4",
}

export interface Postgres {
  readonly target: PostgresTarget
  readonly epoch: string
  /** The id of the schema. Locks and channels belong to the whole database, so their names contain it. */
  readonly schemaId: number
  /** The channel with the numbers of new events. */
  readonly channel: string
  readonly writer: PostgresConnection
  readonly reader: PostgresConnection
}

/** Connects and migrates. Fails with `StartupError` if the server cannot be used. The scope closes the sessions. */
export const openPostgres = Effect.fn("Postgres.open")(function* (
  target: PostgresTarget,
): Effect.fn.Return<Postgres, StartupError, Scope.Scope> {
  const writer = yield* PostgresConnection.make(target, { name: "causeway writer", settings })
  const reader = yield* PostgresConnection.make(target, {
    name: "causeway reader",
    settings: { ...settings, default_transaction_read_only: "on" },
  })
  const start = Effect.gen(function* () {
    yield* writer.open
    yield* checkServer(writer, target.name)
    yield* migrate(writer, target.schema)
    yield* reader.open
    const [row] = yield* reader.query("SELECT epoch, to_regnamespace($1)::oid::bigint AS id FROM event_log", [
      target.schema,
    ])
    const schemaId = Number(row?.["id"])
    return { target, epoch: String(row?.["epoch"]), schemaId, channel: `causeway_${schemaId}`, writer, reader }
  })
  return yield* Effect.catchTag(start, "SqlError", (error: SqlError) => Effect.fail(toStartupError(error, target.name)))
})

/** Fails with `StartupError` if the server is too old, read-only, or behind a pooler. */
export const checkServer = Effect.fnUntraced(function* (connection: PostgresConnection, name: string) {
  const [row] = yield* connection.query(`SELECT current_setting('server_version_num')::int AS number,
    current_setting('server_version') AS version, pg_backend_pid() AS pid,
    current_setting('transaction_read_only') = 'on' AS "isReadOnly"`)
  const refuse = (problem: string, remedy: string) =>
    Effect.fail(new StartupError({ problem: `the database ${name} ${problem}`, remedy }))
  if (Number(row?.["number"]) < MIN_VERSION) {
    yield* refuse(`is PostgreSQL ${String(row?.["version"])}`, "upgrade the server to version 14 or newer")
  }
  // A pooler answers with a process of its own, and gives each transaction another session.
  if (row?.["pid"] !== connection.processId) {
    yield* refuse("is behind a pooler", "connect to PostgreSQL itself: a pooler breaks locks and notifications")
  }
  if (row?.["isReadOnly"] === true) {
    yield* refuse("is read-only", "name the primary server in databaseUrl. A standby takes no writes")
  }
})
