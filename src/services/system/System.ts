/**
 * System: reports the health and the figures of the gateway. SystemHandlers, the health routes and Drain use it. The
 * health check writes to the database, because nothing else reports storage that fails and is retried.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Model } from "../../domain/Model.ts"
import type { Health, Status } from "../../domain/System.ts"
import { VERSION } from "../../domain/Version.ts"
import { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import { Agents } from "../agents/Agents.ts"
import { Bindings } from "../agents/Bindings.ts"
import { Connections } from "../connections/Connections.ts"
import { Events } from "../events/Events.ts"
import { Runs } from "../runs/Runs.ts"
import { Sessions } from "../sessions/Sessions.ts"
import { Storage } from "../storage/Storage.ts"
import { Tx } from "../storage/Tx.ts"
import { clockProblem } from "./ClockCheck.ts"

export class System extends Context.Service<
  System,
  {
    /** Checks storage and clock. Returns `stopping` during a drain, `degraded` if a check fails. */
    readonly health: Effect.Effect<Health>
    /** Counts connections, agents, bindings, sessions and runs. */
    readonly status: Effect.Effect<Status>
    /** Returns the models of all runtimes, the gateway's default first. */
    readonly models: Effect.Effect<ReadonlyArray<Model>>
    /** Makes `health` report `stopping` from now on. */
    readonly markStopping: () => void
  }
>()("causeway/services/system/System") {
  static readonly layer = Layer.effect(
    System,
    Effect.gen(function* () {
      const { newest, problem: lockProblemAt } = yield* Storage
      const events = yield* Events
      const agents = yield* Agents
      const bindings = yield* Bindings
      const sessions = yield* Sessions
      const connections = yield* Connections
      const runs = yield* Runs
      const runtimes = yield* AgentRuntimes
      const startedAt = yield* Clock.currentTimeMillis
      let stopping = false

      /** Commits like every other change, so that it meets the problems that a send would meet. */
      const writeProbe = events.commit(Effect.flatMap(Tx, ({ probe }) => Effect.as(probe, [undefined, []] as const)))
      /** Returns when writes wait for another process. That is earlier than a write fails or a probe gives up. */
      const lockProblem = Effect.gen(function* () {
        while (true) {
          const problem = lockProblemAt(yield* Clock.currentTimeMillis)
          if (problem !== null) return problem
          yield* Effect.sleep(LOCK_CHECK_INTERVAL)
        }
      })
      const storage = writeProbe.pipe(
        Effect.as(null),
        Effect.timeout(STORAGE_TIMEOUT),
        Effect.catchTag("TimeoutError", () => Effect.succeed("storage does not answer")),
        Effect.catchTag("StorageUnavailable", (error) => Effect.succeed(error.detail)),
        Effect.catchDefect((defect) => Effect.succeed(String(defect))),
        Effect.raceFirst(lockProblem),
      )
      // Frequent probes cost one write a second.
      const storageProblem = yield* Effect.cachedWithTTL(storage, "1 second")

      let newestAt = newest.at
      yield* events.onEvent(({ at }) => {
        newestAt = at
      })
      const clockCheck = Effect.map(Clock.currentTimeMillis, (now) => clockProblem(newestAt, now))

      const uptimeMs = Effect.map(Clock.currentTimeMillis, (now) => now - startedAt)

      const health = Effect.gen(function* () {
        const checks = [
          { name: "storage", problem: yield* storageProblem },
          { name: "clock", problem: yield* clockCheck },
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
        models: Effect.map(runtimes.models, (models) => {
          const defaultModel = runtimes.defaultModel()
          return defaultFirst(models, defaultModel, runtimes.offering(defaultModel))
        }),
        markStopping: () => {
          stopping = true
        },
      })
    }),
  )
}

/** Adds the default model if its provider does not list it. */
const defaultFirst = (models: ReadonlyArray<Model>, id: string, runtime: string | undefined): ReadonlyArray<Model> => {
  if (runtime === undefined) return models
  const listed = models.find((model) => model.id === id)
  return [listed ?? { id, name: id, runtime, contextWindow: null }, ...models.filter((model) => model !== listed)]
}

const LOCK_CHECK_INTERVAL = "100 millis"

/** Longer than a commit on a slow disk, shorter than the timeout of a probe. */
const STORAGE_TIMEOUT = "2 seconds"
