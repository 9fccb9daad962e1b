/** The store of one kind of request to operators on PostgreSQL. ApprovalSteps and PostgresStores use it. */
import * as Effect from "effect/Effect"
import type { RequestColumns, RequestStore, RequestTable } from "../RequestStore.ts"
import type { Row } from "./PostgresConnection.ts"
import type { Statements } from "./Statements.ts"

/** Returns the value of a row, or `undefined` without a row. */
export const one = <A>(row: Row | undefined, decode: (row: Row) => A): A | undefined =>
  row === undefined ? undefined : decode(row)

/** `decode`: reads the JSON of a row. */
export const requestSteps = <A extends RequestColumns>(
  { read, write }: Statements,
  { body, table, usable, used }: RequestTable,
  decode: (json: unknown) => A,
): RequestStore<A> => {
  const toRequest = (row: Row): A => decode(row[body])
  return {
    pending: Effect.map(read(`SELECT ${body} FROM ${table} WHERE ended_at IS NULL ORDER BY place`), (rows) =>
      rows.map(toRequest),
    ),
    get: (id) => Effect.map(read(`SELECT ${body} FROM ${table} WHERE id = $1`, [id]), ([row]) => one(row, toRequest)),
    ofRun: (runId, digest, mark) =>
      Effect.map(
        read(
          `SELECT ${body} FROM ${table} WHERE run_id = $1 AND digest = $2 AND (ended_at IS NULL
            OR (status = '${usable}' AND (${used} IS NULL OR ${used} < $3))) ORDER BY place LIMIT 1`,
          [runId, digest, mark],
        ),
        ([row]) => one(row, toRequest),
      ),
    add: (request) =>
      Effect.map(
        write(
          `INSERT INTO ${table} (id, run_id, digest, status, ${body}) VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (id) DO NOTHING RETURNING 1`,
          [request.id, request.runId, request.digest, request.status, JSON.stringify(request)],
        ),
        (rows) => rows.length > 0,
      ),
    resolve: (request) =>
      Effect.map(
        write(
          `UPDATE ${table} SET status = $2, ${body} = $3, ended_at = $4 WHERE id = $1 AND ended_at IS NULL RETURNING 1`,
          [request.id, request.status, JSON.stringify(request), request.resolvedAt],
        ),
        (rows) => rows.length > 0,
      ),
    use: (id, digest, mark, before) =>
      Effect.map(
        write(
          `UPDATE ${table} SET ${used} = $3 WHERE id = $1 AND digest = $2 AND status = '${usable}'
            AND (${used} IS NULL OR ${used} < $4) RETURNING 1`,
          [id, digest, mark, before],
        ),
        (rows) => rows.length > 0,
      ),
    ended: (before, limit) =>
      Effect.map(
        read(
          `SELECT place, ${body} FROM ${table} WHERE ended_at IS NOT NULL AND place < $1 ORDER BY place DESC LIMIT $2`,
          [before, limit],
        ),
        (rows) => rows.map((row) => ({ place: Number(row["place"]), request: toRequest(row) })),
      ),
    forget: (before, limit) =>
      Effect.map(
        write(
          `DELETE FROM ${table} WHERE place IN
            (SELECT place FROM ${table} WHERE ended_at < $1 ORDER BY ended_at LIMIT $2) RETURNING 1`,
          [before, limit],
        ),
        (rows) => rows.length,
      ),
  }
}
