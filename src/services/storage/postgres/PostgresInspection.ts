/**
 * PostgresInspection: looks at a database as a start would, and changes nothing. `causeway doctor` uses it.
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { SqlError } from "effect/sql/SqlError"
import type { StartupError } from "../../../domain/StartupError.ts"
import { checkServer } from "./Postgres.ts"
import { PostgresConnection } from "./PostgresConnection.ts"
import { toStartupError } from "./PostgresError.ts"
import { refuseNewer, versionOf } from "./PostgresMigrations.ts"
import { readUrl } from "./PostgresUrl.ts"

export interface PostgresFindings {
  /** The target without its password. */
  readonly name: string
  readonly schema: string
  /** The version of the schema. 0: the first start makes it. */
  readonly version: number
  /** The size of all tables of the schema, with their indexes. */
  readonly bytes: number
  /** The time of the newest event in milliseconds, or 0 without one. */
  readonly newestEventAt: number
}

const SIZE = `SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint AS bytes
  FROM pg_class c WHERE c.relnamespace = to_regnamespace($1) AND c.relkind = 'r'`

/** Fails with the `StartupError` of a start. */
export const inspectDatabase = Effect.fn("PostgresInspection.inspectDatabase")(function* (
  url: Redacted.Redacted,
): Effect.fn.Return<PostgresFindings, StartupError> {
  const target = yield* readUrl(url)
  const { name, schema } = target
  return yield* Effect.gen(function* () {
    const settings = { statement_timeout: "5000" }
    const connection = yield* PostgresConnection.make(target, { name: "causeway doctor", settings })
    yield* connection.open
    yield* checkServer(connection, name)
    const version = yield* versionOf(connection)
    yield* refuseNewer(version, schema)
    if (version === 0) return { name, schema, version, bytes: 0, newestEventAt: 0 }
    const [size] = yield* connection.query(SIZE, [schema])
    const [newest] = yield* connection.query("SELECT at FROM events ORDER BY seq DESC LIMIT 1")
    return { name, schema, version, bytes: Number(size?.["bytes"]), newestEventAt: Number(newest?.["at"] ?? 0) }
  }).pipe(
    Effect.scoped,
    Effect.catchTag("SqlError", (error: SqlError) => Effect.fail(toStartupError(error, name))),
  )
})
