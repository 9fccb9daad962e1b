/** Inspects a database file without a change, also while a gateway uses it. `causeway doctor` uses it. */
import { DatabaseSync } from "node:sqlite"
import * as Migrations from "./Migrations.ts"

export interface FileInspection {
  /** The problem with the file's content, or null. */
  readonly damage: string | null
  /** The problem if a newer program has migrated the database, or null. */
  readonly tooNew: string | null
  /** The time of the newest event in milliseconds since the Unix epoch, or 0. */
  readonly newestEventAt: number
}

const detailOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** Checks every page. A large database takes some seconds. */
export const inspectFile = (file: string): FileInspection => {
  let db: DatabaseSync | undefined
  try {
    db = new DatabaseSync(file, { readOnly: true, timeout: 5_000 })
    const verdict = String(db.prepare("PRAGMA quick_check(1)").get()?.["quick_check"])
    if (verdict !== "ok") return { damage: verdict, tooNew: null, newestEventAt: 0 }
    const tooNew = Migrations.tooNew(Migrations.versionOf(db))
    return { damage: null, tooNew, newestEventAt: tooNew === null ? newestEventAt(db) : 0 }
  } catch (error) {
    return { damage: detailOf(error), tooNew: null, newestEventAt: 0 }
  } finally {
    db?.close()
  }
}

const newestEventAt = (db: DatabaseSync): number =>
  Number(db.prepare("SELECT at FROM events ORDER BY seq DESC LIMIT 1").get()?.["at"] ?? 0)
