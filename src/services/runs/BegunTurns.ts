/**
 * BegunTurns: the turns that have begun in the commit of another step, until the actors of their sessions take them over. A
 * message to an idle session does not wait, so one commit accepts its turn and begins the first attempt. A commit that ends a
 * turn begins the next one of the session. Runs and TurnRunner add the turns, and SessionActor takes them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import { type Permit, RunAdmission } from "../admission/RunAdmission.ts"
import { Events } from "../events/Events.ts"
import type { StartedTurn } from "../transcript/Transcript.ts"

/** The right to begin a turn in the commit of another step. */
export interface BeginOfTurn {
  readonly permit: Permit
  /** The work of the commit sets it if it begins the turn. */
  started: StartedTurn | undefined
}

export class BegunTurns extends Context.Service<
  BegunTurns,
  {
    /** Runs a commit with the right to begin the turn, if a permit is free. */
    beginning<A, E>(
      runId: string,
      agentId: string,
      commit: (begin: BeginOfTurn | undefined) => Effect.Effect<A, E>,
    ): Effect.Effect<A, E>
    /** Hands over a turn that such a commit has begun, with its permit, once. Returns `undefined` for other turns. */
    readonly take: (runId: string) => BeginOfTurn | undefined
  }
>()("causeway/services/runs/BegunTurns") {
  static readonly layer: Layer.Layer<BegunTurns, never, Events | RunAdmission> = Layer.effect(
    BegunTurns,
    Effect.gen(function* () {
      const admission = yield* RunAdmission
      const events = yield* Events
      const begun = new Map<string, BeginOfTurn>()

      const take = (runId: string) => {
        const begin = begun.get(runId)
        begun.delete(runId)
        return begin
      }

      const giveBack = (runId: string) => {
        const begin = take(runId)
        if (begin !== undefined) admission.giveBack(begin.permit)
      }

      // An abort may end a turn before its actor takes it.
      yield* events.onEvent(({ event }) => {
        if (event._tag === "RunEnded") giveBack(event.runId)
      })

      return BegunTurns.of({
        beginning: (runId, agentId, commit) =>
          Effect.suspend(() => {
            const permit = begun.has(runId) ? undefined : admission.tryAcquire(agentId)
            if (permit === undefined) return commit(undefined)
            const begin: BeginOfTurn = { permit, started: undefined }
            begun.set(runId, begin)
            const committed = Effect.onExitPrimitive(commit(begin), (exit) => {
              if (Exit.isFailure(exit) || begin.started === undefined) giveBack(runId)
              return undefined
            })
            // An interrupt in the middle of the commit would leave it open whether the turn has begun.
            return Effect.uninterruptible(committed)
          }),
        take,
      })
    }),
  )
}
