/**
 * A runtime whose runs do what the test tells them: each begins, and then says and ends when it is told to.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { type RuntimeEvent, RuntimeFailed } from "../../src/domain/Run.ts"
import type { AgentRuntime, Turn } from "../../src/services/agents/AgentRuntime.ts"

export interface StagedRun {
  readonly turn: Turn
  readonly say: (text: string) => Effect.Effect<void>
  readonly emit: (event: RuntimeEvent) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  readonly fail: (detail: string) => Effect.Effect<void>
  readonly die: (defect: unknown) => Effect.Effect<void>
  /** Done when the run has been interrupted. */
  readonly interrupted: Deferred.Deferred<void>
}

export const staged = () => {
  const started = Effect.runSync(Queue.unbounded<StagedRun>())
  const runs: Array<StagedRun> = []

  const run = (turn: Turn): Stream.Stream<RuntimeEvent, RuntimeFailed> =>
    Stream.unwrap(
      Effect.gen(function* () {
        const cues = yield* Queue.unbounded<Effect.Effect<ReadonlyArray<RuntimeEvent>, RuntimeFailed>>()
        const cue = (effect: Effect.Effect<ReadonlyArray<RuntimeEvent>, RuntimeFailed>) =>
          Effect.asVoid(Queue.offer(cues, effect))
        const emit = (event: RuntimeEvent) => cue(Effect.succeed([event]))
        const one: StagedRun = {
          turn,
          emit,
          say: (text) => emit({ _tag: "Text", text }),
          end: cue(Effect.succeed([])),
          fail: (detail) => cue(Effect.fail(new RuntimeFailed({ runtime: "staged", detail }))),
          die: (defect) => cue(Effect.die(defect)),
          interrupted: yield* Deferred.make<void>(),
        }
        runs.push(one)
        yield* Queue.offer(started, one)
        return Stream.fromEffectRepeat(Effect.flatten(Queue.take(cues))).pipe(
          Stream.takeWhile((events) => events.length > 0),
          Stream.flattenIterable,
          Stream.onExit((exit) =>
            exit._tag === "Failure" && exit.cause.reasons.some((reason) => reason._tag === "Interrupt")
              ? Effect.asVoid(Deferred.succeed(one.interrupted, undefined))
              : Effect.void,
          ),
        )
      }),
    )

  return {
    runtime: { name: "staged", models: [], run } satisfies AgentRuntime,
    /** The next run that begins. */
    next: Queue.take(started),
    /** All that have begun, in order. */
    runs,
  }
}
