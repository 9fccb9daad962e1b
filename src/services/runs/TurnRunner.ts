/**
 * Runs one turn from its start to its end: calls the agent's runtime, handles its output and writes the outcome. Every
 * turn ends and gets a reason, even if its runtime fails, dies or exceeds its time. SessionActor uses it.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { Scheduler } from "effect/Scheduler"
import * as Stream from "effect/Stream"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { RuntimeFailed } from "../../domain/Run.ts"
import type { RunError } from "../../domain/RunError.ts"
import { cut } from "../../domain/Text.ts"
import { RunAdmission } from "../admission/RunAdmission.ts"
import type { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import type { Agents } from "../agents/Agents.ts"
import { Attachments, type KeepSome } from "../attachments/Attachments.ts"
import type { Events } from "../events/Events.ts"
import type { Ending, TurnInput, TurnRow } from "../storage/TurnRow.ts"
import type { Change, Work } from "../storage/Tx.ts"
import * as TakenTurns from "../transcript/TakenTurns.ts"
import { RunTraces } from "../traces/RunTraces.ts"
import { RunSecrets } from "../tools/RunSecrets.ts"
import * as Transcript from "../transcript/Transcript.ts"
import type { StartedTurn } from "../transcript/Transcript.ts"
import { type BeginOfTurn, BegunTurns } from "./BegunTurns.ts"
import { OpenRuns } from "./OpenRuns.ts"
import type { RunningTurn } from "./RunningTurn.ts"
import * as RuntimeChoice from "./RuntimeChoice.ts"
import * as RuntimeOutput from "./RuntimeOutput.ts"
import * as RuntimeScheduler from "./RuntimeScheduler.ts"
import * as StorageRetry from "./StorageRetry.ts"

/** The characters of a runtime's error that clients receive. */
const ERROR_CHARS = 2_000

/** The time that an interrupted runtime has for its finalizers. */
const STOP_TIMEOUT = "5 seconds"

export class TurnRunner extends Context.Service<
  TurnRunner,
  {
    /**
     * Begins the turn, unless another commit has begun it as `begun`, and returns when it has ended. If you interrupt it, the
     * turn stays open and the next start runs it again.
     */
    run(turn: RunningTurn, begun?: StartedTurn): Effect.Effect<void>
  }
>()("causeway/services/runs/TurnRunner") {
  static readonly layer: Layer.Layer<
    TurnRunner,
    never,
    Agents | AgentRuntimes | Attachments | BegunTurns | Events | GatewayConfig | OpenRuns | RunAdmission | RunTraces
  > = Layer.effect(
    TurnRunner,
    Effect.suspend(() => make),
  )
}

const make = Effect.gen(function* () {
  const { attempts } = (yield* GatewayConfig).runs
  const traces = yield* RunTraces
  const { commit } = yield* StorageRetry.make
  const begunTurns = yield* BegunTurns
  const open = yield* OpenRuns
  const runAgent = yield* makeRunAgent
  const { keeper } = yield* Attachments
  const secrets = yield* RunSecrets

  /** Fails the turn without its output and usage, because they may be the reason why the gateway cannot write its end. */
  const failWithoutOutput = (turn: RunningTurn) => {
    const error: RunError = { reason: "bug", message: "An internal error of the gateway. Its log has the details." }
    return commit(turn.sessionKey, (at) => Transcript.fail(turn.runId, error, at))
  }

  /** Commits the end. The same commit begins the next turn of the session, if it waits for nothing else. */
  const commitEnd = (turn: RunningTurn, row: TurnRow, ending: Ending) => {
    const { output, sessionKey } = turn
    const next = open.second(sessionKey)
    // A turn that a crash has interrupted may have to wait, and to be alone.
    if (next === undefined || next.crashes > 0) {
      return commit(sessionKey, (at) => Transcript.end(row, ending, output, at))
    }
    return begunTurns.beginning(next.runId, next.agentId, (begin) =>
      // The commit is repeated until storage works, and a stop of the gateway does not wait for that.
      Effect.interruptible(
        commit(sessionKey, (at) => {
          const ended = Transcript.end(row, ending, output, at)
          return begin === undefined ? ended : Effect.flatMap(ended, beginNext(next.runId, begin, at))
        }),
      ),
    )
  }

  /** Begins the turn in the commit that has ended the one before it. */
  const beginNext =
    (runId: string, begin: BeginOfTurn, at: number) =>
    ([hasEnded, events]: Change<boolean>): Work<boolean> => {
      begin.started = undefined
      if (!hasEnded) return Effect.succeed([false, events])
      return Effect.map(TakenTurns.start(runId, attempts, at), ([started, begun]) => {
        begin.started = started
        return [true, [...events, ...begun]]
      })
    }

  const end = Effect.fnUntraced(function* (turn: RunningTurn, row: TurnRow, exit: Exit.Exit<void, RuntimeFailed>) {
    // The commit of an abort has already ended a stopped turn.
    if (turn.stopped) return
    const { usage } = turn
    if (Exit.isSuccess(exit)) return yield* commitEnd(turn, row, { outcome: "done", usage })
    const failure = errorOf(exit.cause)
    const error = { ...failure, message: secrets.mask(turn.runId, failure.message) }
    if (error.reason === "bug") yield* Effect.logError("A runtime died", exit.cause)
    return yield* commitEnd(turn, row, { outcome: "failed", error, usage })
  })

  const run = Effect.fn("TurnRunner.run")(
    function* (turn: RunningTurn, begun: StartedTurn | undefined) {
      const begin = commit(turn.sessionKey, (at) => TakenTurns.start(turn.runId, attempts, at))
      const started = begun ?? (yield* begin)
      if (started === undefined) return
      const keep = yield* keeper
      yield* Effect.addFinalizer(() => Effect.sync(() => secrets.forget(turn.runId)))
      yield* end(turn, started.turn, yield* Effect.exit(runAgent(turn, started, keep)))
    },
    Effect.scoped,
    (effect, turn) =>
      Effect.catchDefect(effect, (defect) =>
        Effect.andThen(Effect.logError("A turn died", defect), failWithoutOutput(turn)),
      ),
    (effect, turn) => Effect.annotateLogs(effect, { runId: turn.runId }),
  )

  return TurnRunner.of({ run: (turn, begun) => traces.within(turn.runId, run(turn, begun)) })
})

/** Makes the function that calls the agent's runtime until its stream ends, the turn is stopped, or time is up. */
const makeRunAgent = Effect.gen(function* () {
  const handlerOf = yield* RuntimeOutput.make
  const { choose } = yield* RuntimeChoice.make
  const { deadlineMs } = (yield* GatewayConfig).runs
  const { commit, read } = yield* StorageRetry.make
  const open = yield* OpenRuns
  const { outsideMs } = yield* RunAdmission
  const makeScheduler = yield* RuntimeScheduler.make

  /** Returns when the run has taken its time. The time in which it waits for an operator does not count. */
  const untilLate = Effect.fnUntraced(function* (runId: string) {
    const startedAt = yield* Clock.currentTimeMillis
    const waitedBefore = outsideMs(runId, startedAt)
    for (let leftMs = deadlineMs; leftMs > 0;) {
      yield* Effect.sleep(leftMs)
      const now = yield* Clock.currentTimeMillis
      leftMs = deadlineMs - (now - startedAt) + outsideMs(runId, now) - waitedBefore
    }
  })

  /** Takes the waiting messages that steer the run. Stops a run whose turn has ended. */
  const steering = (turn: RunningTurn, row: TurnRow): Effect.Effect<ReadonlyArray<TurnInput>> =>
    Effect.suspend(() => {
      if (!open.hasWaiting(turn.sessionKey)) return Effect.succeed([])
      return Effect.map(
        commit(turn.sessionKey, (at) => TakenTurns.steer(row, at)),
        (inputs) => {
          if (inputs === undefined) turn.stop()
          return inputs ?? []
        },
      )
    })

  const consume = (
    turn: RunningTurn,
    started: StartedTurn,
    keep: KeepSome,
    { agent, model, runtime }: RuntimeChoice.Chosen,
  ) =>
    Effect.suspend(() => {
      const { before, input, session, turn: row } = started
      const { attempt, principal, runId, sessionKey } = row
      const output = runtime.run({
        agent,
        sessionKey,
        runId,
        attempt,
        principal,
        model,
        thinking: session?.thinking ?? agent.thinking,
        channel: session?.channel ?? null,
        peerId: session?.peerId ?? null,
        history: read(Transcript.historyBefore(sessionKey, before)),
        ...input,
        steering: steering(turn, row),
      })
      const { end, handle } = handlerOf(turn, row, runtime.name, keep)
      return Effect.ensuring(Stream.runForEach(output, handle), end)
    })

  return Effect.fnUntraced(function* (turn: RunningTurn, started: StartedTurn, keep: KeepSome) {
    const chosen = yield* choose(started.turn.agentId, started.session)
    const { runtime } = chosen
    // A child fiber would make its parent wait for a runtime that does not stop.
    const fiber = yield* Effect.forkDetach(
      Effect.provideService(consume(turn, started, keep, chosen), Scheduler, makeScheduler()),
    )
    const late = deadlineMs === 0 ? undefined : yield* Effect.forkScoped(untilLate(turn.runId))
    const failLate = Effect.suspend(() => {
      const detail = `The run took longer than ${deadlineMs} ms, the limit of the option runs.deadlineMs.`
      return Effect.fail(new RuntimeFailed({ runtime: runtime.name, detail, budget: true }))
    })
    yield* Effect.ensuring(untilOver(turn, fiber, late, failLate), stop(fiber))
  })
})

/** Returns as the runtime does, at a stop of the turn, or as `failLate` does when time is up. A race would take four fibers. */
const untilOver = (
  turn: RunningTurn,
  runtime: Fiber.Fiber<void, RuntimeFailed>,
  late: Fiber.Fiber<void> | undefined,
  failLate: Effect.Effect<never, RuntimeFailed>,
) =>
  Effect.callback<void, RuntimeFailed>((resume) => {
    runtime.addObserver(resume)
    turn.onStop(() => resume(Effect.void))
    late?.addObserver(() => resume(failLate))
  })

/** Interrupts a runtime. Abandons it if it does not stop, so that its session and its permit become free. */
const stop = (fiber: Fiber.Fiber<void, RuntimeFailed>) =>
  Effect.suspend(() => {
    if (fiber.pollUnsafe() !== undefined) return Effect.void
    fiber.interruptUnsafe()
    return Effect.timeoutOrElse(Effect.interruptible(Effect.asVoid(Fiber.await(fiber))), {
      duration: STOP_TIMEOUT,
      orElse: () => Effect.logWarning("A runtime does not stop. Its run ends without it."),
    })
  })

/** Returns the reason that clients receive. A defect may contain secrets, so only the log shows it. */
const errorOf = (cause: Cause.Cause<RuntimeFailed>): RunError => {
  if (Cause.hasDies(cause)) {
    return { reason: "bug", message: "The agent's runtime died. The gateway's log has the details." }
  }
  const failure = Cause.findErrorOption(cause)
  if (failure._tag === "None") return { reason: "runtime", message: "The agent's runtime interrupted itself." }
  const { budget, detail, kind } = failure.value
  const reason = budget === true ? "budget" : "runtime"
  return { reason, ...(kind !== undefined && { kind }), message: cut(detail.toWellFormed(), ERROR_CHARS) }
}
