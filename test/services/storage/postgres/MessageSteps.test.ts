import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { openPostgres } from "../../../../src/services/storage/postgres/Postgres.ts"
import { postgresStores } from "../../../../src/services/storage/postgres/PostgresStores.ts"
import { readUrl } from "../../../../src/services/storage/postgres/PostgresUrl.ts"
import type { Stored } from "../../../../src/services/storage/Stored.ts"
import type { Stores } from "../../../../src/services/storage/Tx.ts"
import { schemaUrl } from "../../../support/Postgres.ts"

const MESSAGES = 5_000
const PAGE = 20

/** The rows of messages that the open transaction has read. */
const ROWS_READ = `SELECT coalesce(seq_tup_read, 0) + coalesce(idx_tup_fetch, 0) AS "rowsRead"
  FROM pg_stat_xact_user_tables WHERE relid = 'messages'::regclass`

/** Returns the rows that the step reads in a session with many messages, each of which has a file. */
const rowsReadBy = (step: (stores: Stores) => Stored<unknown>) =>
  Effect.gen(function* () {
    const { writer } = yield* openPostgres(yield* readUrl(Redacted.make(yield* schemaUrl)))
    const stores = postgresStores(writer)
    const session = { key: "s", agentId: "main", channel: null, peerId: null, createdAt: 1 }
    const settings = { kind: "session", displayName: "s", label: null, model: null, thinking: null, queue: null }
    yield* stores.sessions.open({ ...session, ...settings, parentKey: null })
    yield* writer.query(
      `INSERT INTO messages (transcript, run_id, step, role, text, attachments, aborted, at)
        SELECT transcript, 'run-' || i, 0, 'user', 'hi', '[]', 0, i FROM sessions, generate_series(1, $1) AS i`,
      [MESSAGES],
    )
    yield* writer.query("ANALYZE")
    yield* writer.query("BEGIN")
    yield* step(stores)
    const [row] = yield* writer.query(ROWS_READ)
    yield* writer.query("ROLLBACK")
    return row?.["rowsRead"]
  })

const NEWEST = Number.MAX_SAFE_INTEGER

describe("The steps of messages on PostgreSQL", () => {
  it.live("A page of a long transcript reads the messages of the page and one more.", () =>
    Effect.gen(function* () {
      expect(yield* rowsReadBy(({ messages }) => messages.page("s", NEWEST, PAGE, 1e6))).toBe(PAGE + 1)
    }),
  )

  it.live("A history of a long transcript reads the messages that a run receives.", () =>
    Effect.gen(function* () {
      expect(yield* rowsReadBy(({ messages }) => messages.history("s", NEWEST, PAGE, 1e6))).toBe(PAGE)
    }),
  )

  it.live("A page of the files of a long transcript reads the messages of the page.", () =>
    Effect.gen(function* () {
      const page = { before: NEWEST, limit: PAGE }
      expect(yield* rowsReadBy(({ attachments }) => attachments.ofSession("s", page))).toBe(PAGE)
    }),
  )
})
