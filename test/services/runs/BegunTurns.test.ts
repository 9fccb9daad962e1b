import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { RunAdmission } from "../../../src/services/admission/RunAdmission.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { type BeginOfTurn, BegunTurns } from "../../../src/services/runs/BegunTurns.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import type { StartedTurn } from "../../../src/services/transcript/Transcript.ts"

const services = BegunTurns.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(RunAdmission.layer, Events.layer)),
  Layer.provide(Database.layerMemory),
  Layer.provide(GatewayConfig.layer({ runs: { concurrent: 1 } })),
  Layer.orDie,
)

const started = {} as StartedTurn

/** A commit that begins the turn. */
const begin = (begin: BeginOfTurn | undefined) =>
  Effect.sync(() => {
    if (begin !== undefined) begin.started = started
    return begin !== undefined
  })

const running = Effect.map(RunAdmission, (admission) => admission.running())

describe("BegunTurns", () => {
  it.effect("A turn that another commit has begun is taken once, with its permit.", () =>
    Effect.gen(function* () {
      const turns = yield* BegunTurns
      expect(yield* turns.beginning("r", "main", begin)).toBe(true)
      expect(yield* turns.beginning("waits", "main", begin)).toBe(false)
      expect(turns.take("waits")).toBeUndefined()
      expect(turns.take("r")?.started).toBe(started)
      expect(turns.take("r")).toBeUndefined()
      expect(yield* running).toBe(1)
    }).pipe(Effect.provide(services)),
  )

  it.effect("A commit that fails or begins nothing gives its permit back.", () =>
    Effect.gen(function* () {
      const turns = yield* BegunTurns
      const failed = turns.beginning("r", "main", (at) => Effect.andThen(begin(at), Effect.fail("a full disk")))
      expect(yield* Effect.flip(failed)).toBe("a full disk")
      yield* turns.beginning("r", "main", () => Effect.void)
      expect(turns.take("r")).toBeUndefined()
      expect(yield* running).toBe(0)
    }).pipe(Effect.provide(services)),
  )

  it.effect("A turn that ends before it is taken gives its permit back.", () =>
    Effect.gen(function* () {
      const turns = yield* BegunTurns
      yield* turns.beginning("r", "main", begin)
      const ended = { sessionKey: "s", runId: "r", agentId: "main", outcome: "aborted" } as const
      yield* Effect.flatMap(Events, (events) =>
        events.commit(Effect.succeed([undefined, [{ _tag: "RunEnded", ...ended }]])),
      )
      expect(turns.take("r")).toBeUndefined()
      expect(yield* running).toBe(0)
    }).pipe(Effect.provide(services)),
  )

  it.effect("An interrupt of the sender does not undo a turn that has begun.", () =>
    Effect.gen(function* () {
      const turns = yield* BegunTurns
      const written = yield* Deferred.make<void>()
      const committing = turns.beginning("r", "main", (at) => Effect.andThen(Deferred.await(written), begin(at)))
      const sender = yield* Effect.forkChild(committing, { startImmediately: true })
      sender.interruptUnsafe()
      yield* Deferred.succeed(written, undefined)
      yield* Fiber.await(sender)
      expect(turns.take("r")?.started).toBe(started)
    }).pipe(Effect.provide(services)),
  )
})
