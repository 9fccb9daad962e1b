/**
 * RunTraces: the traces of accepted messages until their runs end. They are in memory only: after a restart, or on another
 * node, a run has no trace of its client. Runs.ts keeps them, and TurnRunner.ts runs turns within them.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Tracer from "effect/Tracer"
import * as Trace from "./Trace.ts"

/** Aborted messages that never ran leave their traces here, so the oldest ones make room. */
const MAX = 10_000

export class RunTraces extends Context.Service<
  RunTraces,
  {
    /** Keeps the trace of the caller for the run that the effect accepts. */
    accepting<A extends { readonly duplicate: boolean }, E, R>(
      runId: string,
      accept: Effect.Effect<A, E, R>,
    ): Effect.Effect<A, E, R>
    /** Runs the turn within its trace, and forgets the trace at the end. */
    within<A, E, R>(runId: string, turn: Effect.Effect<A, E, R>): Effect.Effect<A, E, R>
  }
>()("causeway/services/traces/RunTraces") {
  static readonly layer: Layer.Layer<RunTraces> = Layer.sync(RunTraces, () => {
    const traces = new Map<string, Tracer.AnySpan>()

    const keep = (runId: string, span: Tracer.AnySpan) => {
      traces.set(runId, span)
      if (traces.size > MAX) traces.delete(traces.keys().next().value!)
    }

    return RunTraces.of({
      accepting: (runId, accept) =>
        Effect.flatMap(Trace.outgoing, (span) => {
          if (span === undefined || traces.has(runId)) return accept
          // Before the acceptance, because the run may start before it returns.
          keep(runId, span)
          return Effect.onExit(accept, (exit) =>
            Effect.sync(() => {
              if (Exit.isFailure(exit) || exit.value.duplicate) traces.delete(runId)
            }),
          )
        }),
      within: (runId, turn) =>
        Effect.suspend(() => {
          const span = traces.get(runId)
          if (span === undefined) return turn
          return Effect.ensuring(
            Effect.provideService(turn, Tracer.ParentSpan, span),
            Effect.sync(() => traces.delete(runId)),
          )
        }),
    })
  })
}
