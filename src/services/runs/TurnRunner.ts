/**
 * TurnRunner: one turn, from its beginning to its end: asks the agent's runtime, tells what it says, writes down what it
 * did. However the runtime ends (done, failed, out of time, dead), the turn has an end and everybody is told why.
 * It knows neither queues nor actors.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { RuntimeEvent, RuntimeFailed } from "../../domain/Run.ts"
import type { RunError } from "../../domain/RunError.ts"
import type { Agent } from "../../domain/Agent.ts"
import { cut, Pieces, wellFormed } from "../../domain/Text.ts"
import type { StorageUnavailable } from "../../domain/Storage.ts"
import type { AgentRuntime } from "../agents/AgentRuntime.ts"
import { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import { Agents } from "../agents/Agents.ts"
import { type Change, Events } from "../events/Events.ts"
import { RunningTurn } from "./RunningTurn.ts"
import { type StartedTurn, noOutput, Transcript } from "../transcript/Transcript.ts"

/** Characters of a runtime's complaint that are passed on. */
const COMPLAINT_CHARS = 2_000

/** How long a runtime may take to stop that was interrupted. */
const STOP_PATIENCE = "5 seconds"

/** Runtimes are other people's code, and what they say is written down. */
const isRuntimeEvent = Schema.is(RuntimeEvent)

export class TurnRunner extends Context.Service<
  TurnRunner,
  {
    /** Returns when the turn has ended, or at once if it had. Interrupted, it leaves the turn open for the next start. */
    run(turn: RunningTurn): Effect.Effect<void>
  }
>()("causeway/services/runs/TurnRunner") {
  static readonly layer: Layer.Layer<TurnRunner, never, Agents | AgentRuntimes | Events | GatewayConfig | Transcript> =
    Layer.effect(
      TurnRunner,
      Effect.suspend(() => make),
    )
}

interface Asked {
  readonly agent: Agent
  readonly runtime: AgentRuntime
}

/** A disk that is full or gone comes back or not; a turn that was promised waits for it. */
const untilStorageIsBack = Schedule.min([Schedule.exponential("100 millis"), Schedule.spaced("5 seconds")])

const make = Effect.gen(function* () {
  const agents = yield* Agents
  const events = yield* Events
  const runtimes = yield* AgentRuntimes
  const transcript = yield* Transcript
  const config = yield* GatewayConfig

  const { replyChars } = config.runs

  const write = <A>(work: (at: number) => Change<A>): Effect.Effect<A> =>
    Effect.suspend(() => {
      let told = false
      const tell = ({ detail }: StorageUnavailable) => {
        if (told) return Effect.void
        told = true
        return Effect.logWarning("A turn waits for storage", detail)
      }
      return Effect.flatMap(Clock.currentTimeMillis, (at) => events.commit(() => work(at))).pipe(
        Effect.tapError(tell),
        Effect.retry(untilStorageIsBack),
        Effect.orDie,
      )
    })

  const fail = (turn: RunningTurn, error: RunError) =>
    write((at) => transcript.end(turn.runId, { outcome: "failed", error, usage: turn.usage }, turn.lastWords, at))

  /** Without what the turn has said and used: it may be that which cannot be written. */
  const giveUp = (turn: RunningTurn) => {
    const error: RunError = { reason: "bug", message: "The gateway made a mistake; its log says more." }
    return write((at) => transcript.end(turn.runId, { outcome: "failed", error }, noOutput, at))
  }

  const runtimeFor = Effect.fnUntraced(function* ({ turn: { agentId } }: StartedTurn) {
    const agent = yield* agents
      .get(agentId)
      .pipe(
        Effect.catchTag("AgentNotFound", () =>
          Effect.fail(new RuntimeFailed({ runtime: "", detail: `There is no agent "${agentId}".` })),
        ),
      )
    const name = agent.runtime === "" ? config.runtime : agent.runtime
    const runtime = runtimes.get(name)
    if (runtime === undefined) {
      return yield* new RuntimeFailed({ runtime: name, detail: `There is no runtime "${name}".` })
    }
    return { agent, runtime }
  })

  /** A session that was emptied or removed takes its turns with it; a tool call is where such a turn finds out. */
  const orStop = (turn: RunningTurn, told: Effect.Effect<boolean>) =>
    Effect.map(told, (open) => {
      if (!open) turn.stop()
    })

  const tooMuch = (runtime: string) =>
    Effect.fail(new RuntimeFailed({ runtime, detail: `Said more than ${replyChars} characters.` }))

  const say = (
    turn: RunningTurn,
    { agentId, runId, sessionKey }: StartedTurn["turn"],
    runtime: string,
    event: RuntimeEvent,
  ) => {
    const ofRun = { sessionKey, runId, agentId }
    switch (event._tag) {
      case "Text":
        if (event.text === "") return Effect.void
        if (turn.text.length + event.text.length > replyChars) return tooMuch(runtime)
        turn.text += event.text
        return Effect.sync(() => events.publishLive({ _tag: "TextDelta", ...ofRun, text: event.text }))
      case "Thinking":
        if (event.text === "") return Effect.void
        if (turn.thinking.length + event.text.length > replyChars) return tooMuch(runtime)
        turn.thinking += event.text
        return Effect.sync(() => events.publishLive({ _tag: "ThinkingDelta", ...ofRun, text: event.text }))
      case "ToolUpdated":
        return Effect.sync(() =>
          events.publishLive({
            _tag: "ToolUpdated",
            ...ofRun,
            callId: event.callId,
            text: cut(event.text, replyChars),
          }),
        )
      case "Usage":
        return Effect.sync(() => turn.count(event.usage))
      case "ToolStarted": {
        const { callId, name } = event
        const input = cut(event.input, replyChars)
        turn.calls.set(callId, { name, input })
        return orStop(
          turn,
          write(() => transcript.toolStarted(runId, { callId, name, input })),
        )
      }
      case "ToolEnded": {
        const { callId, isError } = event
        const output = cut(event.output, replyChars)
        const { input, name } = turn.calls.get(callId) ?? { name: "", input: "" }
        turn.calls.delete(callId)
        const step = turn.nextStep++
        const call = { callId, name, input, output, isError }
        return orStop(
          turn,
          write((at) => transcript.toolEnded(runId, step, call, at)),
        )
      }
    }
  }

  const ask = Effect.fnUntraced(function* (turn: RunningTurn, begun: StartedTurn, { agent, runtime }: Asked) {
    const whole = wholeCharacters()
    const { attempt, principal, runId, sessionKey } = begun.turn
    const model = begun.model ?? agent.model
    const saying = runtime.run({
      agent,
      sessionKey,
      runId,
      attempt,
      principal,
      model,
      history: begun.history,
      text: begun.text,
    })
    yield* Stream.runForEach(saying, (event) =>
      isRuntimeEvent(event)
        ? say(turn, begun.turn, runtime.name, whole(event))
        : Effect.fail(new RuntimeFailed({ runtime: runtime.name, detail: "It said what is no event." })),
    )
  })

  /** A runtime that does not stop is left behind: it must not keep its session, or its place among the runs, for good. */
  const stop = (fiber: Fiber.Fiber<void, RuntimeFailed>) =>
    Effect.suspend(() => {
      fiber.interruptUnsafe()
      return Effect.timeoutOrElse(Effect.interruptible(Effect.asVoid(Fiber.await(fiber))), {
        duration: STOP_PATIENCE,
        orElse: () => Effect.logWarning("A runtime does not stop; its run is over without it"),
      })
    })

  /** How the asking ended: by itself, by being stopped, or by the deadline. Nobody waits for what is not to be stopped. */
  const exitOf = Effect.fnUntraced(function* (turn: RunningTurn, begun: StartedTurn) {
    const asked = yield* runtimeFor(begun)
    const { deadlineMs } = config.runs
    // Not a child: its parent would not end before it.
    const fiber = yield* Effect.forkDetach(ask(turn, begun, asked))
    const ended = Effect.raceFirst(Fiber.join(fiber), turn.untilStopped)
    const detail = `Took longer than ${deadlineMs} ms.`
    const late = Effect.fail(new RuntimeFailed({ runtime: asked.runtime.name, detail }))
    const inTime = deadlineMs === 0 ? ended : Effect.timeoutOrElse(ended, { duration: deadlineMs, orElse: () => late })
    yield* Effect.ensuring(inTime, stop(fiber))
  })

  const end = Effect.fnUntraced(function* (turn: RunningTurn, exit: Exit.Exit<void, RuntimeFailed>) {
    // An abort has ended the turn already, in the commit that tells of it.
    if (turn.stopped) return
    if (Exit.isSuccess(exit)) {
      yield* write((at) => transcript.end(turn.runId, { outcome: "done", usage: turn.usage }, turn.lastWords, at))
      return
    }
    const error = errorOf(exit.cause)
    if (error.reason === "bug") yield* Effect.logError("A runtime died", exit.cause)
    yield* fail(turn, error)
  })

  const run = Effect.fn("TurnRunner.run")(
    function* (turn: RunningTurn) {
      const begun = yield* write((at) => transcript.begin(turn.runId, config.runs.attempts, at))
      if (begun === undefined) return
      yield* end(turn, yield* Effect.exit(exitOf(turn, begun)))
    },
    (effect, turn) =>
      Effect.catchDefect(effect, (defect) => Effect.andThen(Effect.logError("A turn died", defect), giveUp(turn))),
    (effect, turn) => Effect.annotateLogs(effect, { runId: turn.runId }),
  )

  return TurnRunner.of({ run })
})

/** Models stream bytes, so a runtime may cut a text anywhere. Returns the events with whole characters alone. */
const wholeCharacters = () => {
  const text = new Pieces()
  const thinking = new Pieces()
  return (event: RuntimeEvent): RuntimeEvent => {
    switch (event._tag) {
      case "Text":
        return { _tag: "Text", text: text.next(event.text) }
      case "Thinking":
        return { _tag: "Thinking", text: thinking.next(event.text) }
      case "ToolUpdated":
      case "ToolStarted":
      case "ToolEnded":
        return wellFormed(event)
      case "Usage":
        return event
    }
  }
}

/** What everybody may know of a failure. What a dead runtime leaves behind may hold secrets, so it goes to the log only. */
const errorOf = (cause: Cause.Cause<RuntimeFailed>): RunError => {
  if (Cause.hasDies(cause)) return { reason: "bug", message: "The agent's runtime died; the gateway's log says more." }
  const failure = Cause.findErrorOption(cause)
  const detail = failure._tag === "Some" ? failure.value.detail : "The agent's runtime stopped by itself."
  return { reason: "runtime", message: cut(detail.toWellFormed(), COMPLAINT_CHARS) }
}
