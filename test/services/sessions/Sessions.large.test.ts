import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { Sqlite } from "../../../src/services/storage/sqlite/Sqlite.ts"
import { Tx } from "../../../src/services/storage/Tx.ts"
import { ask, layer, layerSqlite, principal } from "../../support/Conversations.ts"
import { loopTurnsDuring } from "../../support/EventLoop.ts"
import { staged } from "../../support/StagedRuntime.ts"
import { TestDatabase } from "../../support/TestDatabase.ts"

/** Creates a session `s` with this many messages of the text. */
const transcriptOf = (count: number, text: string) =>
  Effect.gen(function* () {
    const { query } = yield* TestDatabase
    const sessions = yield* Sessions
    yield* sessions.create({ key: "s" })
    yield* query(
      `WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ${count})
       INSERT INTO messages (transcript, run_id, step, role, text, aborted, at)
       SELECT transcript, 'run-' || n, 0, 'user', '${text}', 0, 0
       FROM numbers, sessions WHERE key = 's' ORDER BY n`,
      `UPDATE sessions SET message_count = ${count}`,
    )
  })

describe("Sessions with long transcripts", () => {
  it.live("The history has bounded pages without a gap.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* transcriptOf(20, "x".repeat(262_144))
      const ids: Array<ReadonlyArray<number>> = []
      let before: number | undefined
      do {
        const page = yield* sessions.history("s", { limit: 9, before })
        ids.unshift(page.messages.map(({ id }) => id))
        before = page.nextBefore ?? undefined
      } while (before !== undefined)
      expect(ids.map(({ length }) => length)).toEqual([4, 4, 4, 4, 4])
      expect(ids.flat()).toEqual(Array.from({ length: 20 }, (_, n) => n + 1))
      expect((yield* sessions.preview(["s"], 20))[0]!.messages.map(({ text }) => text.length)).toEqual(
        Array.from({ length: 20 }, () => 200),
      )
    }).pipe(Effect.provide(layer())),
  )

  it.live("Messages that are longer than a page come one by one.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      yield* transcriptOf(2, "x".repeat(2_000_000))
      expect(yield* sessions.history("s", { limit: 9 })).toMatchObject({ messages: [{ id: 2 }], nextBefore: 2 })
      expect(yield* sessions.history("s", { limit: 9, before: 2 })).toMatchObject({
        messages: [{ id: 1 }],
        nextBefore: null,
      })
    }).pipe(Effect.provide(layer())),
  )

  it.live("A run receives the newest messages of the history up to 4,194,304 characters.", () => {
    const stage = staged()
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* transcriptOf(50, "x".repeat(262_144))
      yield* runs.accept({ text: "x", sessionKey: "s" }, principal)
      const { turn } = yield* stage.next
      expect((yield* turn.history).map(({ id }) => id)).toEqual(Array.from({ length: 16 }, (_, n) => n + 35))
    }).pipe(Effect.provide(layer({ config: { runtime: "staged" }, runtimes: [stage.runtime] })))
  })

  for (const method of ["reset", "remove"] as const) {
    it.live(
      `A ${method} empties the session at once. The messages are deleted later, and other work runs in between.`,
      () =>
        Effect.gen(function* () {
          const events = yield* Events
          const sessions = yield* Sessions
          const { query } = yield* TestDatabase
          yield* transcriptOf(5_000, "x")
          const left = Effect.map(query("SELECT count(*) AS n FROM messages"), ([row]) => Number(row?.["n"]))
          expect(yield* sessions[method]("s")).toBe(5_000)
          const page = Effect.flatMap(Tx, ({ messages }) => messages.page("s", 10_000, 10, 1_000))
          expect((yield* events.read(page)).messages).toEqual([])
          expect(yield* left).toBeGreaterThan(0)
          const { turns } = yield* loopTurnsDuring(
            Effect.repeat(Effect.andThen(events.commit(Effect.succeed([undefined, []])), left), {
              until: (n) => n === 0,
            }),
          )
          expect(turns).toBeGreaterThan(5)
        }).pipe(Effect.provide(layer())),
    )
  }

  it.live("A reset on a failing disk fails with StorageUnavailable and removes nothing.", () =>
    Effect.gen(function* () {
      const sessions = yield* Sessions
      const { db } = yield* Sqlite
      yield* ask("x", "s")
      db.exec("PRAGMA query_only = 1")
      expect(yield* Effect.flip(sessions.reset("s"))).toMatchObject({ _tag: "StorageUnavailable" })
      db.exec("PRAGMA query_only = 0")
      expect(yield* sessions.reset("s")).toBe(2)
    }).pipe(Effect.provide(layerSqlite())),
  )
})
