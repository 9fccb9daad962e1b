/**
 * A runtime whose runs the test controls: each run starts, and then emits events and ends on the test's command.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import { type RuntimeEvent, RuntimeFailed } from "../../src/domain/Run.ts"
import type { AgentRuntime, Turn } from "../../src/services/agents/AgentRuntime.ts"

export interface StagedRun {
  readonly turn: Turn
  /** Reads the texts of the history. */
  readonly past: Effect.Effect<ReadonlyArray<string>>
  readonly say: (text: string) => Effect.Effect<void>
  readonly emit: (event: RuntimeEvent) => Effect.Effect<void>
  readonly end: Effect.Effect<void>
  readonly fail: (detail: string) => Effect.Effect<void>
  readonly die: (defect: unknown) => Effect.Effect<void>
  /** Completes when the run is interrupted. */
  readonly interrupted: Deferred.Deferred<void>
}

export const staged = () => {
  const started = Effect.runSync(Queue.unbounded<StagedRun>())
  const runs: Array<StagedRun> = []

  const run = (turn: Turn): Stream.Stream<RuntimeEvent, RuntimeFailed> =>
    Stream.unwrap(
      Effect.gen(function* () {
        const commands = yield* Queue.unbounded<Effect.Effect<ReadonlyArray<RuntimeEvent>, RuntimeFailed>>()
        const command = (effect: Effect.Effect<ReadonlyArray<RuntimeEvent>, RuntimeFailed>) =>
          Effect.asVoid(Queue.offer(commands, effect))
        const emit = (event: RuntimeEvent) => command(Effect.succeed([event]))
        const staged: StagedRun = {
          turn,
          past: Effect.map(turn.history, (messages) => messages.map(({ text }) => text)),
          emit,
          say: (text) => emit({ _tag: "Text", text }),
          end: command(Effect.succeed([])),
          fail: (detail) => command(Effect.fail(new RuntimeFailed({ runtime: "staged", detail }))),
          die: (defect) => command(Effect.die(defect)),
          interrupted: yield* Deferred.make<void>(),
        }
        runs.push(staged)
        yield* Queue.offer(started, staged)
        return Stream.fromEffectRepeat(Effect.flatten(Queue.take(commands))).pipe(
          Stream.takeWhile((events) => events.length > 0),
          Stream.flattenIterable,
          Stream.onExit((exit) =>
            exit._tag === "Failure" && exit.cause.reasons.some((reason) => reason._tag === "Interrupt")
              ? Effect.asVoid(Deferred.succeed(staged.interrupted, undefined))
              : Effect.void,
          ),
        )
      }),
    )

  return {
    runtime: { name: "staged", models: [], run } satisfies AgentRuntime,
    /** Waits for the next run to start. */
    next: Queue.take(started),
    /** The started runs in order. */
    runs,
  }
}
