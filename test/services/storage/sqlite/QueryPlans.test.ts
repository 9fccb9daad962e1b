/** The plans of all statements that the SQLite stores prepare. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { DatabaseSync } from "node:sqlite"
import { GatewayConfig } from "../../../../src/domain/GatewayConfig.ts"
import { layerMemory } from "../../../../src/services/storage/Database.ts"
import { EventRows } from "../../../../src/services/storage/sqlite/EventRows.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import { sqliteStores } from "../../../../src/services/storage/sqlite/SqliteStores.ts"

/** Returns the database with a `prepare` that also records its SQL. */
const recorded = (db: DatabaseSync, statements: Set<string>): DatabaseSync =>
  new Proxy(db, {
    get: (target, name) => {
      const member: unknown = Reflect.get(target, name)
      if (typeof member !== "function") return member
      return (...args: ReadonlyArray<unknown>) => {
        if (name === "prepare") statements.add(String(args[0]))
        return Reflect.apply(member, target, args)
      }
    },
  })

/** Small tables, tables that a service loads once at the start, and reads that end after the first rows of an order. */
const allowed: ReadonlyArray<RegExp> = [
  /^SCAN (agents|bindings|devices|documents|event_log|old_transcripts)\b/,
  /^SCAN sessions: SELECT \* FROM sessions$/,
  /^SCAN json_each\b/,
  /^SCAN attachments USING COVERING INDEX attachments_unused\b/,
  /^SCAN (events|approval_grants): .* ORDER BY (seq|place)( DESC)? LIMIT [?1]$/,
]

describe("Query plans", () => {
  it.effect("Statements on growing tables go by an index or end after the first rows.", () =>
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      const statements = new Set<string>()
      const recording = recorded(db, statements)
      sqliteStores(recording)
      new EventRows(recording, { rows: 1, ageMs: 1 })
      expect(statements.size).toBeGreaterThan(50)
      const scans = Array.from(statements).flatMap((sql) =>
        db
          .prepare(`EXPLAIN QUERY PLAN ${sql}`)
          .all()
          .map(({ detail }) => String(detail))
          .filter(
            (detail) =>
              detail.startsWith("SCAN") &&
              !/ USING (COVERING )?INDEX (turns_open|approvals_pending|questions_pending)/.test(detail),
          )
          .map((detail) => `${detail}: ${sql.replaceAll(/\s+/g, " ")}`),
      )
      expect(scans.filter((scan) => !allowed.some((pattern) => pattern.test(scan)))).toEqual([])
    }).pipe(Effect.provide(Layer.provide(layerMemory, GatewayConfig.layer({})))),
  )
})
