import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { TestClock } from "effect/testing"
import * as Path from "node:path"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as Cluster from "../../../src/services/runs/Cluster.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import * as TurnDispatcher from "../../../src/services/runs/TurnDispatcher.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { SessionEntity } from "../../../src/services/runs/SessionEntity.ts"
import { newSession } from "../../../src/services/sessions/NewSession.ts"
import * as Transcript from "../../../src/services/transcript/Transcript.ts"
import { OpenRuns } from "../../../src/services/runs/OpenRuns.ts"
import { untilEvent } from "../../support/Published.ts"
import type { EventBus } from "../../../src/services/storage/EventBus.ts"
import type { Storage } from "../../../src/services/storage/Storage.ts"
import { temporaryFolder } from "../../support/GatewayProcess.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"

const turn = (runId: string, sessionKey: string) => ({
  runId,
  sessionKey,
  agentId: "main",
  principal,
  text: "x",
  acceptedAt: 0,
  queue: "followup" as const,
  acceptedAfter: 0,
  deadlineAt: undefined,
  attachments: [],
  digest: "",
})

const session = (key: string) => newSession({ key, agentId: "main", createdAt: 0 })

const accept = (runId: string, sessionKey = "s") =>
  Effect.gen(function* () {
    const events = yield* Events
    yield* events.commit(Transcript.accept(session(sessionKey), turn(runId, sessionKey)))
  })

const stored = (database: Layer.Layer<EventBus | Storage, never, GatewayConfig>) =>
  OpenRuns.layer.pipe(
    Layer.provideMerge(Events.layer),
    Layer.provideMerge(database),
    Layer.provide(GatewayConfig.layer({})),
    Layer.provide(Logger.layer([])),
    Layer.orDie,
  )

/** A dispatcher with actors that end their first open turn. `first` replaces the first calls of `serve`. */
const withActors = (
  first: ReadonlyArray<Effect.Effect<void>> = [],
  database: Layer.Layer<EventBus | Storage, never, GatewayConfig> = Database.layerMemory,
) => {
  let served = 0
  const actors = SessionEntity.toLayer(
    Effect.gen(function* () {
      const events = yield* Events
      const open = yield* OpenRuns
      const endFirst = Effect.suspend(() => {
        const of = { runId: open.first("s")!.runId, attempt: 0 }
        return Effect.orDie(events.commit(Transcript.end(of, { outcome: "done" }, Transcript.noOutput, 0)))
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
    Layer.provideMerge(stored(database)),
    Layer.provide(Logger.layer([])),
  )
  return { services, served: () => served }
}

const untilAllHaveEnded = Effect.flatMap(OpenRuns, (open) => untilEvent(() => open.first("s") === undefined))

describe("TurnDispatcher", () => {
  it.live("It calls the actor as long as turns are open, and no longer.", () => {
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

  it.effect("It calls the actor again after a defect and after an interruption.", () => {
    const { served, services } = withActors([Effect.die("a bug"), Effect.interrupt])
    return Effect.gen(function* () {
      yield* accept("1")
      const ticks = Effect.forever(TestClock.adjust("1 second"))
      yield* Effect.raceFirst(untilAllHaveEnded, ticks)
      expect(served()).toBe(3)
    }).pipe(Effect.provide(services))
  })

  it.live("A start dispatches all waiting sessions, a few in each turn of the event loop.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      const database = Layer.orDie(Database.layerFile(Path.join(folder, "db")))
      const sessions = Array.from({ length: 300 }, (_, n) => `${n}`)
      yield* Effect.forEach(sessions, (n) => accept(`run-${n}`, n)).pipe(Effect.provide(stored(database)))
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

  it.live("A turn runs even if its sender is interrupted at the acceptance.", () =>
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

  it.effect("It starts the actor of an idle session again.", () =>
    Effect.gen(function* () {
      for (let n = 0; n < 3; n++) {
        expect(yield* ask(`${n}`, "s")).toMatchObject({ state: "done" })
        yield* TestClock.adjust("10 minutes")
      }
    }).pipe(Effect.provide(layer())),
  )
})
