/**
 * SqliteConnection: a connection of effect/sql over one handle of node:sqlite. Statements run synchronously, so fibers can
 * share a prepared statement. Sqlite uses it and decides which fiber may use the connection.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { SafeIntegers } from "effect/sql/SqlClient"
import type { Connection } from "effect/sql/SqlConnection"
import type { SqlError } from "effect/sql/SqlError"
import type { DatabaseSync, SQLInputValue, SQLOutputValue, StatementSync } from "node:sqlite"
import { toSqlError } from "./SqliteError.ts"

/** More than the gateway and effect's cluster have. The bound drops statements for lists of varying length. */
const CACHED_STATEMENTS = 256

/** Converts booleans, dates and `undefined`, which node:sqlite does not accept. */
const bind = (value: unknown): SQLInputValue => {
  switch (typeof value) {
    case "string":
    case "number":
    case "bigint":
      return value
    case "boolean":
      return value ? 1 : 0
    case "undefined":
      return null
  }
  if (value === null || value instanceof Uint8Array) return value
  if (value instanceof Date) return value.toISOString()
  throw new TypeError(`SQLite stores no ${typeof value}`)
}

/** Caches prepared statements. Drops the least recently used ones first. */
const makeStatements = (db: DatabaseSync) => {
  const prepared = new Map<string, StatementSync>()
  return (sql: string): StatementSync => {
    const statement = prepared.get(sql) ?? db.prepare(sql)
    prepared.delete(sql)
    prepared.set(sql, statement)
    if (prepared.size > CACHED_STATEMENTS) prepared.delete(prepared.keys().next().value ?? "")
    return statement
  }
}

type Row = Record<string, SQLOutputValue>

const all = (statement: StatementSync, params: Array<SQLInputValue>) => statement.all(...params)

const allOrRun = (statement: StatementSync, params: Array<SQLInputValue>) =>
  statement.columns().length > 0 ? statement.all(...params) : statement.run(...params)

// `setReturnArrays` makes `all` return arrays, which its type does not express.
const values = (statement: StatementSync, params: Array<SQLInputValue>) =>
  Array.from<unknown, ReadonlyArray<unknown>>(all(statement, params), (row) => (Array.isArray(row) ? row : []))

export interface SqliteConnection extends Connection {
  readonly db: DatabaseSync
}

export const makeConnection = (db: DatabaseSync): SqliteConnection => {
  const cached = makeStatements(db)
  const fresh = (sql: string) => db.prepare(sql)

  const run = <A>(
    operation: string,
    prepare: (sql: string) => StatementSync,
    use: (statement: StatementSync, params: Array<SQLInputValue>) => A,
    sql: string,
    params: ReadonlyArray<unknown>,
  ): Effect.Effect<A, SqlError> =>
    Effect.withFiber((fiber) => {
      try {
        const statement = prepare(sql)
        statement.setReadBigInts(fiber.getRef(SafeIntegers))
        statement.setReturnArrays(use === values)
        return Effect.succeed(use(statement, params.map(bind)))
      } catch (error) {
        return Effect.fail(toSqlError(error, operation))
      }
    })

  const execute =
    (prepare: (sql: string) => StatementSync): Connection["execute"] =>
    (sql, params, transformRows) => {
      const rows = run<ReadonlyArray<Row>>("execute", prepare, all, sql, params)
      return transformRows === undefined ? rows : Effect.map(rows, transformRows)
    }

  return {
    db,
    execute: execute(cached),
    executeUnprepared: execute(fresh),
    executeRaw: (sql, params) => run("executeRaw", cached, allOrRun, sql, params),
    executeValues: (sql, params) => run("executeValues", cached, values, sql, params),
    executeValuesUnprepared: (sql, params) => run("executeValues", fresh, values, sql, params),
    // Reads all rows at once: an open cursor would block checkpoints of the write-ahead log.
    executeStream: (sql, params, transformRows) =>
      Stream.fromIterableEffect(execute(fresh)(sql, params, transformRows)),
  }
}
