/**
 * System: whether the gateway is well and what it holds. Readiness writes to the database's tables, because storage
 * that fails would otherwise only be retried in silence. It knows no wire.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Health, Model, Status } from "../../domain/System.ts"
import { VERSION } from "../../domain/Version.ts"
import { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import { Agents } from "../agents/Agents.ts"
import { Bindings } from "../agents/Bindings.ts"
import { Connections } from "../connections/Connections.ts"
import { Events } from "../events/Events.ts"
import { Runs } from "../runs/Runs.ts"
import { Sessions } from "../sessions/Sessions.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { clockSetBack, newestEventAt } from "./ClockCheck.ts"

export class System extends Context.Service<
  System,
  {
    readonly health: Effect.Effect<Health>
    readonly status: Effect.Effect<Status>
    readonly models: Effect.Effect<ReadonlyArray<Model>>
    /** From now on health says `stopping`. */
    readonly stopping: () => void
  }
>()("causeway/services/system/System") {
  static readonly layer = Layer.effect(
    System,
    Effect.gen(function* () {
      const { db, writeLock } = yield* Sqlite
      const events = yield* Events
      const agents = yield* Agents
      const bindings = yield* Bindings
      const sessions = yield* Sessions
      const connections = yield* Connections
      const runs = yield* Runs
      const runtimes = yield* AgentRuntimes
      const startedAt = yield* Clock.currentTimeMillis
      let stopping = false

      /** Through the same door as every change, so that what it finds is what a send would meet. */
      const touched = events.commit((db) => {
        db.exec("UPDATE agents SET updated_at = updated_at WHERE id = 'main'")
        return [undefined, []]
      })
      /** Returns only if writes wait for another process: sooner than a write fails and a probe gives up. */
      const lockProblem = Effect.gen(function* () {
        while (true) {
          const problem = writeLock.problem(yield* Clock.currentTimeMillis)
          if (problem !== null) return problem
          yield* Effect.sleep(LOCK_LOOK_INTERVAL)
        }
      })
      const storage = touched.pipe(
        Effect.as(null),
        Effect.timeout(STORAGE_PATIENCE),
        Effect.catchTag("TimeoutError", () => Effect.succeed("storage does not answer")),
        Effect.catchTag("StorageUnavailable", (error) => Effect.succeed(error.detail)),
        Effect.catchDefect((defect) => Effect.succeed(String(defect))),
        Effect.raceFirst(lockProblem),
      )
      // However often health is asked, the disk is asked once a second.
      const storageProblem = yield* Effect.cachedWithTTL(storage, "1 second")

      let newestAt = newestEventAt(db)
      yield* events.onEvent(({ at }) => {
        newestAt = at
      })
      const clockProblem = Effect.map(Clock.currentTimeMillis, (now) => clockSetBack(newestAt, now))

      const uptimeMs = Effect.map(Clock.currentTimeMillis, (now) => now - startedAt)

      const health = Effect.gen(function* () {
        const checks = [
          { name: "storage", problem: yield* storageProblem },
          { name: "clock", problem: yield* clockProblem },
        ]
        const degraded = checks.some(({ problem }) => problem !== null)
        const state = stopping ? "stopping" : degraded ? "degraded" : "healthy"
        return { state, version: VERSION, uptimeMs: yield* uptimeMs, checks } as const
      }).pipe(Effect.withSpan("System.health"))

      const status = Effect.gen(function* () {
        return {
          version: VERSION,
          startedAt,
          uptimeMs: yield* uptimeMs,
          position: events.head(),
          connections: connections.size(),
          agents: agents.all().length,
          bindings: bindings.all().length,
          sessions: sessions.count(),
          runs: runs.counts(),
          rssBytes: process.memoryUsage.rss(),
        }
      }).pipe(Effect.withSpan("System.status"))

      return System.of({
        health,
        status,
        models: runtimes.models,
        stopping: () => {
          stopping = true
        },
      })
    }),
  )
}

const LOCK_LOOK_INTERVAL = "100 millis"

/** Longer than a commit takes on a slow disk, shorter than a probe waits. */
const STORAGE_PATIENCE = "2 seconds"
