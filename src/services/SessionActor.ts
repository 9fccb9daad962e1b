/**
 * SessionActor: a session that lives. Its turns run one after another, in the order in which they were accepted: the lane
 * lets in one doorbell at a time, and the turn whose time it is, is the first open one in the table. So neither a
 * restart nor a clock set back can reorder a conversation. It knows no client and reads no list.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Semaphore from "effect/Semaphore"
import * as Entity from "effect/cluster/Entity"
import type * as Sharding from "effect/cluster/Sharding"
import { Events } from "./Events.ts"
import { RunLimits } from "./RunLimits.ts"
import { RunningTurn } from "./RunningTurn.ts"
import { SessionEntity } from "./SessionEntity.ts"
import { Transcript } from "./Transcript.ts"
import { TurnRunner } from "./TurnRunner.ts"

const actor = Effect.gen(function* () {
  const events = yield* Events
  const limits = yield* RunLimits
  const runner = yield* TurnRunner
  const transcript = yield* Transcript
  const { entityId: sessionKey } = yield* Entity.CurrentAddress
  const lane = Semaphore.makeUnsafe(1)
  let running: RunningTurn | undefined

  const run = (runId: string) =>
    Effect.suspend(() => {
      const turn = new RunningTurn(runId)
      running = turn
      return Effect.ensuring(
        runner.run(turn),
        Effect.sync(() => {
          running = undefined
        }),
      )
    })

  /** Runs the session's open turns. The look at the table takes no lock: to begin a turn is to look again. */
  const serve = Effect.gen(function* () {
    while (true) {
      const next = transcript.turns.first(sessionKey)
      if (next === undefined) return
      yield* limits.withPlace(next.agentId)(run(next.runId))
    }
  })

  const abort = Effect.fn("SessionActor.abort")(function* (runId: string | undefined) {
    const at = yield* Clock.currentTimeMillis
    const wordsOf = (id: string) => (running?.runId === id ? { ...running.lastWords, usage: running.usage } : undefined)
    const aborted = yield* events.commit(() => transcript.abort(sessionKey, runId, wordsOf, at))
    if (running !== undefined && aborted.includes(running.runId)) running.stop()
    return aborted
  })

  return SessionEntity.of({
    serve: () => lane.withPermit(serve),
    abort: ({ payload }) => Effect.uninterruptible(abort(payload.runId)),
  })
})

export const layer: Layer.Layer<never, never, Events | RunLimits | Sharding.Sharding | Transcript | TurnRunner> =
  SessionEntity.toLayer(actor, {
    // The lane is ours, so that an abort need not stand in it.
    concurrency: "unbounded",
    // How many may wait is decided when a send is accepted (runs.waitingPerSession).
    mailboxCapacity: "unbounded",
    disableFatalDefects: true,
  })
