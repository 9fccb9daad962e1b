import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { VERSION } from "../../../src/domain/Version.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { Sqlite } from "../../../src/services/storage/sqlite/Sqlite.ts"
import { System } from "../../../src/services/system/System.ts"
import * as Conversations from "../../support/Conversations.ts"

const layer = System.layer.pipe(Layer.provideMerge(Connections.layer), Layer.provideMerge(Conversations.layerSqlite()))

const health = Effect.flatMap(System, (system) => system.health)

const problems = Effect.map(health, ({ checks }) =>
  checks.flatMap(({ problem }) => (problem === null ? [] : [problem])),
)

describe("System.health", () => {
  it.effect("Health is `healthy` if every check passes.", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("3 seconds")
      expect(yield* health).toEqual({
        state: "healthy",
        version: VERSION,
        uptimeMs: 3_000,
        checks: [
          { name: "storage", problem: null },
          { name: "clock", problem: null },
        ],
      })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Health is `degraded` while the database cannot be written, and `healthy` afterwards.", () =>
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      db.exec("PRAGMA query_only = ON")
      expect((yield* health).state).toBe("degraded")
      expect(yield* problems).toHaveLength(1)
      db.exec("PRAGMA query_only = OFF")
      yield* TestClock.adjust("2 seconds")
      expect((yield* health).state).toBe("healthy")
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Health is `degraded` if a table is missing.", () =>
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      db.exec("DROP TABLE agents")
      expect((yield* problems).join()).toContain("agents")
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Health is `degraded` if the clock is behind the newest event.", () =>
    Effect.gen(function* () {
      yield* TestClock.adjust("1 hour")
      yield* Effect.flatMap(Agents, (agents) => agents.create({ name: "Luna" }))
      yield* TestClock.setTime(0)
      expect((yield* problems).join()).toContain("behind the newest event")
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A hundred health calls write to the disk once.", () =>
    Effect.gen(function* () {
      const { db } = yield* Sqlite
      const writes = () => Number(db.prepare("SELECT total_changes() AS n").get()?.["n"])
      const before = writes()
      yield* Effect.all(
        Array.from({ length: 100 }, () => health),
        { concurrency: 10 },
      )
      expect(writes() - before).toBe(1)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("Health is `stopping` after `markStopping`.", () =>
    Effect.gen(function* () {
      const system = yield* System
      system.markStopping()
      expect((yield* health).state).toBe("stopping")
    }).pipe(Effect.provide(layer)),
  )
})

describe("System.status", () => {
  it.effect("Status counts connections, agents, bindings, sessions and runs.", () =>
    Effect.gen(function* () {
      const { status } = yield* System
      expect(yield* status).toMatchObject({
        version: VERSION,
        connections: 0,
        agents: 1,
        bindings: 0,
        sessions: 0,
        runs: { running: 0, waiting: 0, limit: 4 },
      })
      expect((yield* status).rssBytes).toBeGreaterThan(10_000_000)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("`models` lists the models of all runtimes.", () =>
    Effect.gen(function* () {
      const { models } = yield* System
      expect(yield* models).toMatchObject([{ id: "echo", runtime: "echo" }])
    }).pipe(Effect.provide(layer)),
  )
})
