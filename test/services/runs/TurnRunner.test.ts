import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type { RuntimeEvent } from "../../../src/domain/Run.ts"
import type { AgentRuntime } from "../../../src/services/agents/AgentRuntime.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"

const withRuntime = (run: AgentRuntime["run"], runs = {}) =>
  layer({ config: { runtime: "bad", runs }, runtimes: [{ name: "bad", models: [], run }] })

const text = (text: string): RuntimeEvent => ({ _tag: "Text", text })

const usage = (inputTokens: number): RuntimeEvent => ({ _tag: "Usage", usage: { inputTokens, outputTokens: 1 } })

describe("A runtime that emits invalid events", () => {
  const nonsense = JSON.parse(`[{ "_tag": "Text" }, { "_tag": "Song", "text": "la" }, null]`) as Array<RuntimeEvent>
  const name = "n".repeat(300)
  for (const invalid of [
    usage(Number.NaN),
    usage(1.5),
    { _tag: "ToolStarted", callId: "1", name, input: "" } as const,
    ...nonsense,
  ]) {
    it.live(`The run fails, and the session goes on, after the output ${JSON.stringify(invalid).slice(0, 60)}.`, () =>
      Effect.gen(function* () {
        expect(yield* ask("x", "s")).toMatchObject({
          state: "failed",
          error: { reason: "runtime", message: "The runtime emitted an invalid event." },
        })
        expect(yield* ask("y", "s")).toMatchObject({ state: "done", reply: "fine" })
      }).pipe(
        Effect.provide(withRuntime(({ text: asked }) => Stream.fromIterable([asked === "x" ? invalid : text("fine")]))),
      ),
    )
  }

  it.live("A run whose usage exceeds all numbers ends as a bug.", () =>
    Effect.gen(function* () {
      expect(yield* ask("x", "s")).toMatchObject({ state: "failed", error: { reason: "bug" } })
    }).pipe(
      Effect.provide(
        withRuntime(() => Stream.fromIterable([usage(Number.MAX_SAFE_INTEGER), usage(Number.MAX_SAFE_INTEGER)])),
      ),
    ),
  )
})

describe("A runtime with too much output", () => {
  const piece = "x".repeat(65_536)

  it.live("A run with too much text or thinking fails.", () =>
    Effect.gen(function* () {
      for (const asked of ["Text", "Thinking"]) {
        expect(yield* ask(asked, "s")).toMatchObject({
          state: "failed",
          error: {
            reason: "budget",
            message: "The reply is longer than 1048576 characters, the limit of the option runs.replyChars.",
          },
        })
        const { messages } = yield* Effect.flatMap(Sessions, (sessions) => sessions.history("s", { limit: 1 }))
        const { failed, text, thinking = "" } = messages[0]!
        expect([failed?.reason, text.length + thinking.length]).toEqual(["budget", 1_048_576])
      }
    }).pipe(
      Effect.provide(
        withRuntime(({ text: asked }) =>
          Stream.fromEffectRepeat(
            Effect.as(Effect.yieldNow, { _tag: asked === "Text" ? "Text" : "Thinking", text: piece } as const),
          ),
        ),
      ),
    ),
  )

  it.live("The input and the output of a tool are cut to the limit.", () =>
    Effect.gen(function* () {
      const long = piece.repeat(17)
      const call = { callId: "1", name: "t" }
      expect(yield* ask("x", "s")).toMatchObject({ state: "done" })
      const { messages } = yield* Effect.flatMap(Sessions, (sessions) => sessions.history("s", { limit: 10 }))
      const tool = messages.find(({ role }) => role === "tool")?.tool
      expect(tool).toMatchObject({ ...call, input: long.slice(0, 1_048_576), output: long.slice(0, 1_048_576) })
    }).pipe(
      Effect.provide(
        withRuntime(() =>
          Stream.fromIterable<RuntimeEvent>([
            { _tag: "ToolStarted", callId: "1", name: "t", input: piece.repeat(17) },
            { _tag: "ToolEnded", callId: "1", output: piece.repeat(17), isError: false },
          ]),
        ),
      ),
    ),
  )
})

describe("A runtime that does not stop", () => {
  /** It hangs at the message `x` and replies to the others. */
  const hanging = () => {
    const started = Deferred.makeUnsafe<void>()
    const hang = Effect.uninterruptible(Effect.andThen(Deferred.succeed(started, undefined), Effect.never))
    const run: AgentRuntime["run"] = ({ text: asked }) =>
      asked === "x" ? Stream.fromEffect(hang) : Stream.succeed(text("fine"))
    return { started, run }
  }

  it.effect("Its run fails at the deadline, and its session and its permit become free.", () => {
    const { run, started } = hanging()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const { runId } = yield* runs.accept({ text: "x", sessionKey: "s" }, principal)
      yield* Deferred.await(started)
      const next = yield* Effect.forkChild(ask("y", "s"), { startImmediately: true })
      yield* TestClock.adjust(1_000)
      yield* TestClock.adjust("5 seconds")
      expect(yield* runs.wait(runId, 60_000)).toMatchObject({ state: "failed", error: { reason: "budget" } })
      expect(yield* Fiber.join(next)).toMatchObject({ state: "done" })
      expect(runs.counts().running).toBe(0)
    }).pipe(Effect.provide(withRuntime(run, { deadlineMs: 1_000, concurrent: 1 })))
  })

  it.effect("An abort returns at once, and the session goes on.", () => {
    const { run, started } = hanging()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const { runId } = yield* runs.accept({ text: "x", sessionKey: "s" }, principal)
      yield* Deferred.await(started)
      expect(yield* runs.abort("s")).toEqual([runId])
      const next = yield* Effect.forkChild(ask("y", "s"), { startImmediately: true })
      yield* TestClock.adjust("5 seconds")
      expect(yield* Fiber.join(next)).toMatchObject({ state: "done" })
    }).pipe(Effect.provide(withRuntime(run, { concurrent: 1 })))
  })
})
