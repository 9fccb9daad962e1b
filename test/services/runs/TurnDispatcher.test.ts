import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import type * as SqlClient from "effect/sql/SqlClient"
import { TestClock } from "effect/testing"
import * as Path from "node:path"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as Cluster from "../../../src/services/runs/Cluster.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import * as TurnDispatcher from "../../../src/services/runs/TurnDispatcher.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { SessionEntity } from "../../../src/services/runs/SessionEntity.ts"
import { defaultSettings } from "../../../src/services/sessions/Sessions.ts"
import { Transcript } from "../../../src/services/transcript/Transcript.ts"
import type { Sqlite } from "../../../src/services/storage/Sqlite.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"

const turn = (runId: string, sessionKey: string) => ({
  runId,
  sessionKey,
  agentId: "main",
  principal,
  text: "x",
  acceptedAt: 0,
  acceptedAfter: 0,
})

const session = (key: string) => ({
  key,
  agentId: "main",
  channel: null,
  peerId: null,
  createdAt: 0,
  ...defaultSettings(key, undefined),
})

const accept = (runId: string, sessionKey = "s") =>
  Effect.gen(function* () {
    const events = yield* Events
    const transcript = yield* Transcript
    yield* events.commit(() => [undefined, transcript.accept(session(sessionKey), turn(runId, sessionKey))])
  })

const kept = (database: Layer.Layer<Sqlite | SqlClient.SqlClient>) =>
  Layer.mergeAll(Events.layer, Transcript.layer).pipe(
    Layer.provideMerge(database),
    Layer.provide(GatewayConfig.layer({})),
    Layer.provide(Logger.layer([])),
    Layer.orDie,
  )

/** Doorbells over actors that do as the test says: each ends its first turn, unless `first` has something else to do. */
const withActors = (first: ReadonlyArray<Effect.Effect<void>> = [], database = Database.layerMemory) => {
  let served = 0
  const actors = SessionEntity.toLayer(
    Effect.gen(function* () {
      const events = yield* Events
      const transcript = yield* Transcript
      const endFirst = Effect.suspend(() => {
        const { runId } = transcript.turns.first("s")!
        const words = { text: "", thinking: "", step: 0 }
        return Effect.orDie(events.commit(() => transcript.end(runId, { outcome: "done" }, words, 0)))
      })
      return SessionEntity.of({
        serve: () => Effect.suspend(() => first[served++] ?? Effect.asVoid(endFirst)),
        abort: () => Effect.succeed([]),
      })
    }),
    { disableFatalDefects: true, concurrency: "unbounded" },
  )
  const services = TurnDispatcher.layer.pipe(
    Layer.provideMerge(actors),
    Layer.provideMerge(Cluster.layer),
    Layer.provideMerge(kept(database)),
    Layer.provide(Logger.layer([])),
  )
  return { services, served: () => served }
}

const untilAllHaveEnded = Effect.gen(function* () {
  const { turns } = yield* Transcript
  while (turns.first("s") !== undefined) yield* Effect.yieldNow
})

describe("a doorbell", () => {
  it.live("rings as long as turns are open, and no longer", () => {
    const { served, services } = withActors()
    return Effect.gen(function* () {
      for (const runId of ["1", "2", "3"]) yield* accept(runId)
      yield* untilAllHaveEnded
      expect(served()).toBe(3)
      yield* accept("4")
      yield* untilAllHaveEnded
      expect(served()).toBe(4)
    }).pipe(Effect.provide(services))
  })

  it.effect("rings again where an actor dies, or falls asleep in that moment", () => {
    const { served, services } = withActors([Effect.die("a bug"), Effect.interrupt])
    return Effect.gen(function* () {
      yield* accept("1")
      const ended = yield* Effect.forkChild(untilAllHaveEnded)
      while (served() < 1) yield* Effect.yieldNow
      yield* TestClock.adjust("2 seconds")
      while (served() < 2) yield* Effect.yieldNow
      yield* TestClock.adjust("2 seconds")
      yield* Fiber.join(ended)
      expect(served()).toBe(3)
    }).pipe(Effect.provide(services))
  })

  it.live("rings at a start for all that waits, a few in each turn of the event loop", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const database = Layer.orDie(Database.layerFile(Path.join(folder, "db")))
      const sessions = Array.from({ length: 300 }, (_, n) => `${n}`)
      yield* Effect.forEach(sessions, (n) => accept(`run-${n}`, n)).pipe(Effect.provide(kept(database)))
      const { served, services } = withActors(
        sessions.map(() => Effect.never),
        database,
      )
      let most = 0
      yield* Effect.gen(function* () {
        while (served() < sessions.length) {
          const before = served()
          yield* Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))
          most = Math.max(most, served() - before)
        }
      }).pipe(Effect.provide(services))
      expect(most).toBeLessThan(30)
    }).pipe(Effect.scoped),
  )

  it.live("rings for a send whose sender has left in the moment of its acceptance", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const runs = yield* Runs
      let sender: Fiber.Fiber<unknown, unknown> | undefined
      yield* events.onEvent(({ event }) => {
        if (event._tag === "RunAccepted") sender?.interruptUnsafe()
      })
      const accepting = runs.accept({ text: "x", sessionKey: "s", idempotencyKey: "key" }, principal)
      sender = yield* Effect.forkChild(accepting, { startImmediately: true })
      yield* Fiber.await(sender)
      expect(yield* runs.wait("key", 5_000)).toMatchObject({ state: "done" })
    }).pipe(Effect.provide(layer())),
  )

  it.effect("wakes a session that has fallen asleep", () =>
    Effect.gen(function* () {
      for (let n = 0; n < 3; n++) {
        expect(yield* ask(`${n}`, "s")).toMatchObject({ state: "done" })
        yield* TestClock.adjust("10 minutes")
      }
    }).pipe(Effect.provide(layer())),
  )
})
