/** The store of one kind of request to operators on SQLite. ApprovalSteps and SqliteStores use it. */
import type { DatabaseSync, SQLOutputValue } from "node:sqlite"
import type { RequestColumns, RequestStore, RequestTable } from "../RequestStore.ts"
import { step } from "./Step.ts"

export type Row = Record<string, SQLOutputValue>

/** Returns the value of a row, or `undefined` without a row. */
export const one = <A>(row: Row | undefined, decode: (row: Row) => A): A | undefined =>
  row === undefined ? undefined : decode(row)

/** `decode`: reads the JSON of a row. */
export const requestSteps = <A extends RequestColumns>(
  db: DatabaseSync,
  { body, table, usable, used }: RequestTable,
  decode: (json: unknown) => A,
): RequestStore<A> => {
  const toRequest = (row: Row): A => decode(row[body])
  const pending = db.prepare(`SELECT ${body} FROM ${table} WHERE ended_at IS NULL ORDER BY place`)
  const select = db.prepare(`SELECT ${body} FROM ${table} WHERE id = ?`)
  const ofRun = db.prepare(`SELECT ${body} FROM ${table} WHERE run_id = ? AND digest = ? AND (ended_at IS NULL
    OR (status = '${usable}' AND (${used} IS NULL OR ${used} < ?))) ORDER BY place LIMIT 1`)
  const add = db.prepare(`INSERT INTO ${table} (id, run_id, digest, status, ${body}) VALUES (?, ?, ?, ?, ?)
    ON CONFLICT (id) DO NOTHING`)
  const resolve = db.prepare(
    `UPDATE ${table} SET status = ?, ${body} = ?, ended_at = ? WHERE id = ? AND ended_at IS NULL`,
  )
  const use = db.prepare(`UPDATE ${table} SET ${used} = ? WHERE id = ? AND digest = ? AND status = '${usable}'
    AND (${used} IS NULL OR ${used} < ?)`)
  const ended = db.prepare(`SELECT place, ${body} FROM ${table} WHERE ended_at IS NOT NULL AND place < ?
    ORDER BY place DESC LIMIT ?`)
  const forget = db.prepare(
    `DELETE FROM ${table} WHERE place IN (SELECT place FROM ${table} WHERE ended_at < ? ORDER BY ended_at LIMIT ?)`,
  )
  return {
    pending: step(() => pending.all().map(toRequest)),
    get: (id) => step(() => one(select.get(id), toRequest)),
    ofRun: (runId, digest, mark) => step(() => one(ofRun.get(runId, digest, mark), toRequest)),
    add: (request) =>
      step(() => {
        const { digest, id, runId, status } = request
        return add.run(id, runId, digest, status, JSON.stringify(request)).changes > 0
      }),
    resolve: (request) =>
      step(() => {
        const { id, resolvedAt, status } = request
        return resolve.run(status, JSON.stringify(request), resolvedAt, id).changes > 0
      }),
    use: (id, digest, mark, before) => step(() => use.run(mark, id, digest, before).changes > 0),
    ended: (before, limit) =>
      step(() => ended.all(before, limit).map((row) => ({ place: Number(row["place"]), request: toRequest(row) }))),
    forget: (before, limit) => step(() => Number(forget.run(before, limit).changes)),
  }
}
