/**
 * Migrations: the schema of the database as numbered steps of SQL. Each step runs once, in order, and all new steps run in
 * one transaction. Never edit a released step: add a new one. Database runs them, and `causeway doctor` compares versions.
 */
import * as Effect from "effect/Effect"
import type { DatabaseSync } from "node:sqlite"
import { StartupError } from "../../../domain/StartupError.ts"
import events from "./migrations/0001_events.ts"
import agents from "./migrations/0002_agents.ts"
import sessions from "./migrations/0003_sessions.ts"
import devices from "./migrations/0004_devices.ts"
import turnDigests from "./migrations/0005_turn_digests.ts"
import unansweredMessages from "./migrations/0006_unanswered_messages.ts"
import commandReplies from "./migrations/0007_command_replies.ts"
import bindingChanges from "./migrations/0008_binding_changes.ts"
import sessionGenerations from "./migrations/0009_session_generations.ts"
import agentOptions from "./migrations/0010_agent_options.ts"
import summaries from "./migrations/0011_summaries.ts"
import transcripts from "./migrations/0012_transcripts.ts"
import eventNumbers from "./migrations/0013_event_numbers.ts"
import approvals from "./migrations/0014_approvals.ts"
import queueModes from "./migrations/0015_queue_modes.ts"
import lookups from "./migrations/0016_lookups.ts"
import attachments from "./migrations/0017_attachments.ts"
import questions from "./migrations/0018_questions.ts"
import { Sqlite } from "./Sqlite.ts"
import { isBusy } from "./SqliteError.ts"

/** The table that records which steps have run. */
export const TABLE = "causeway_migrations"

const steps: ReadonlyArray<readonly [name: string, sql: string]> = [
  ["events", events],
  ["agents", agents],
  ["sessions", sessions],
  ["devices", devices],
  ["turn_digests", turnDigests],
  ["unanswered_messages", unansweredMessages],
  ["command_replies", commandReplies],
  ["binding_changes", bindingChanges],
  ["session_generations", sessionGenerations],
  ["agent_options", agentOptions],
  ["summaries", summaries],
  ["transcripts", transcripts],
  ["event_numbers", eventNumbers],
  ["approvals", approvals],
  ["queue_modes", queueModes],
  ["lookups", lookups],
  ["attachments", attachments],
  ["questions", questions],
]

/** The schema version of this program. */
const newestVersion = steps.length

/** Returns the problem if a newer program has migrated the database, or `null`. Older programs could damage its data. */
export const tooNew = (version: number): string | null =>
  version > newestVersion ? `the database has schema version ${version}, this program knows ${newestVersion}` : null

export const REMEDY_NEWER = "install the newer version again, or use another state folder"

/** Returns the schema version, or 0 if no gateway has created its tables yet. */
export const versionOf = (db: DatabaseSync): number =>
  db.prepare("SELECT 1 FROM sqlite_master WHERE name = ?").get(TABLE) === undefined
    ? 0
    : Number(db.prepare(`SELECT max(migration_id) AS version FROM ${TABLE}`).get()?.["version"] ?? 0)

const run = (db: DatabaseSync): void => {
  db.exec("BEGIN IMMEDIATE")
  try {
    const version = versionOf(db)
    const problem = tooNew(version)
    // There are no downgrades.
    if (problem !== null) throw new StartupError({ problem, remedy: REMEDY_NEWER })
    db.exec(`CREATE TABLE IF NOT EXISTS ${TABLE} (migration_id INTEGER PRIMARY KEY NOT NULL,
      created_at DATETIME NOT NULL DEFAULT current_timestamp, name VARCHAR(255) NOT NULL)`)
    const record = db.prepare(`INSERT INTO ${TABLE} (migration_id, name) VALUES (?, ?)`)
    for (const [index, [name, sql]] of steps.entries()) {
      if (index < version) continue
      db.exec(sql)
      record.run(index + 1, name)
    }
    db.exec("COMMIT")
  } catch (error) {
    if (db.isTransaction) db.exec("ROLLBACK")
    throw error
  }
}

/** Runs the steps that the database lacks. Fails with `StartupError` and leaves the database as it was. */
export const migrate: Effect.Effect<void, StartupError, Sqlite> = Effect.gen(function* () {
  const { db, writeLock } = yield* Sqlite
  const attempt = Effect.try({ try: () => run(db), catch: (error) => error })
  yield* Effect.mapError(writeLock.retry(attempt, isBusy), (error) =>
    error instanceof StartupError ? error : isBusy(error) ? inUse : notMigrated(error),
  )
}).pipe(Effect.withSpan("Migrations.migrate"))

const inUse = new StartupError({
  problem: "the database is in use by another program",
  remedy: "stop that program, or use another state folder",
})

const notMigrated = (error: unknown) =>
  new StartupError({
    problem: `the database cannot be migrated to schema version ${newestVersion} (${error instanceof Error ? error.message : String(error)})`,
    remedy: "free disk space if the disk is full; otherwise restore a backup, or use another state folder",
  })
