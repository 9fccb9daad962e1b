/**
 * PostgresMigrations: the schema of PostgreSQL as numbered steps. Each step runs once, in order, and all new steps run in
 * one transaction. Never edit a released step: add a new one. Postgres runs them at each start.
 */
import * as Effect from "effect/Effect"
import type { SqlError } from "effect/sql/SqlError"
import { StartupError } from "../../../domain/StartupError.ts"
import base from "./migrations/0001_base.ts"
import approvals from "./migrations/0002_approvals.ts"
import queueModes from "./migrations/0003_queue_modes.ts"
import attachments from "./migrations/0004_attachments.ts"
import questions from "./migrations/0005_questions.ts"
import type { PostgresConnection } from "./PostgresConnection.ts"

const steps: ReadonlyArray<readonly [name: string, statements: ReadonlyArray<string>]> = [
  ["base", base],
  ["approvals", approvals],
  ["queue_modes", queueModes],
  ["attachments", attachments],
  ["questions", questions],
]

/** Locks of the gateway have this number first: "CWGW". */
export const LOCK_CLASS = 0x43574757

/** Returns the version of the schema in the search path. A schema without tables has version 0. */
export const versionOf = Effect.fnUntraced(function* ({ query }: PostgresConnection) {
  const [found] = yield* query("SELECT to_regclass('causeway_migrations') IS NOT NULL AS found")
  if (found?.["found"] !== true) return 0
  const [row] = yield* query("SELECT coalesce(max(migration_id), 0) AS version FROM causeway_migrations")
  return Number(row?.["version"])
})

/** Fails if a newer program has migrated the schema: there are no downgrades. */
export const refuseNewer = (version: number, schema: string): Effect.Effect<void, StartupError> =>
  version > steps.length
    ? new StartupError({
        problem: `the schema ${schema} has version ${version}, this program knows ${steps.length}`,
        remedy: "install the newer version again, or name another schema in databaseUrl",
      })
    : Effect.void

/**
 * Creates the schema and runs the steps that it lacks. Gateways that start together wait for each other. Leaves the
 * database as it was if a step fails.
 */
export const migrate = Effect.fn("PostgresMigrations.migrate")(
  function* (connection: PostgresConnection, schema: string): Effect.fn.Return<void, SqlError | StartupError> {
    const { query } = connection
    yield* query("BEGIN")
    // A step may rewrite a large table.
    yield* query("SET LOCAL statement_timeout = 0")
    yield* query("SELECT pg_advisory_xact_lock($1::int, hashtext($2))", [LOCK_CLASS, schema])
    // CREATE SCHEMA IF NOT EXISTS asks for the right to create it, even if it exists.
    const [namespace] = yield* query("SELECT to_regnamespace($1) IS NOT NULL AS found", [schema])
    if (namespace?.["found"] !== true) yield* query(`CREATE SCHEMA "${schema}"`)
    const version = yield* versionOf(connection)
    yield* refuseNewer(version, schema)
    if (version === 0) {
      yield* query(`CREATE TABLE causeway_migrations
        (migration_id int PRIMARY KEY, created_at timestamptz NOT NULL DEFAULT now(), name text NOT NULL)`)
    }
    for (const [index, [name, statements]] of steps.entries()) {
      if (index < version) continue
      for (const statement of statements) yield* query(statement)
      yield* query("INSERT INTO causeway_migrations (migration_id, name) VALUES ($1, $2)", [index + 1, name])
    }
    yield* connection.commit
  },
  (effect, connection) => Effect.onError(effect, () => Effect.ignore(connection.query("ROLLBACK"))),
)
