/**
 * Migrations: the schema of the database as numbered steps. Each step runs once, in order, and all new steps run in one
 * transaction. Never edit a released step: add a new one. Database runs them, and `causeway doctor` compares versions.
 */
import * as Effect from "effect/Effect"
import * as Migrator from "effect/sql/Migrator"
import * as SqlClient from "effect/sql/SqlClient"
import { StartupError } from "../../domain/StartupError.ts"
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
import { isBusy } from "./SqliteError.ts"

/** The table that records which steps have run. */
export const TABLE = "causeway_migrations"

const steps = {
  "0001_events": events,
  "0002_agents": agents,
  "0003_sessions": sessions,
  "0004_devices": devices,
  "0005_turn_digests": turnDigests,
  "0006_unanswered_messages": unansweredMessages,
  "0007_command_replies": commandReplies,
  "0008_binding_changes": bindingChanges,
  "0009_session_generations": sessionGenerations,
  "0010_agent_options": agentOptions,
  "0011_summaries": summaries,
  "0012_transcripts": transcripts,
  "0013_event_numbers": eventNumbers,
}

/** The schema version of this program. */
const newestVersion = Object.keys(steps).length

/** Returns the problem if a newer program has migrated the database, or `null`. Older programs could damage its data. */
export const tooNew = (version: number): string | null =>
  version > newestVersion ? `the database has schema version ${version}, this program knows ${newestVersion}` : null

export const REMEDY_NEWER = "install the newer version again, or use another state folder"

const run = Migrator.make({})({ table: TABLE, loader: Migrator.fromRecord(steps) })

/** Fails if the database has a newer schema: there are no downgrades. */
const refuseNewer = Effect.gen(function* () {
  const sql = yield* SqlClient.SqlClient
  const rows = yield* sql<{ version: number | null }>`SELECT max(migration_id) AS version FROM ${sql(TABLE)}`
  const problem = tooNew(rows[0]?.version ?? 0)
  if (problem !== null) return yield* new StartupError({ problem, remedy: REMEDY_NEWER })
})

/** Runs the steps that the database lacks. Fails with `StartupError` and leaves the database as it was. */
export const migrate: Effect.Effect<void, StartupError, SqlClient.SqlClient> = run.pipe(
  Effect.andThen(refuseNewer),
  Effect.catchTags({
    SqlError: (error) => Effect.fail(isBusy(error) ? inUse : notMigrated(error.message)),
    MigrationError: (error) => Effect.fail(notMigrated(error.message)),
  }),
  Effect.withSpan("Migrations.migrate"),
)

const inUse = new StartupError({
  problem: "the database is in use by another program",
  remedy: "stop that program, or use another state folder",
})

const notMigrated = (detail: string) =>
  new StartupError({
    problem: `the database cannot be migrated to schema version ${newestVersion} (${detail})`,
    remedy: "free disk space if the disk is full; otherwise restore a backup, or use another state folder",
  })
