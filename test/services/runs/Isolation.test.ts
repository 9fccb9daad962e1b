/** Runs that misbehave, beside runs that do not. */
import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { TestClock } from "effect/testing"
import type { RuntimeEvent } from "../../../src/domain/Run.ts"
import type { AgentRuntime } from "../../../src/services/agents/AgentRuntime.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { OPERATIONS, OPERATIONS_AT_ONCE } from "../../../src/services/runs/RuntimeScheduler.ts"
import { ask, layer, principal } from "../../support/Conversations.ts"
import { loopTurnsDuring } from "../../support/EventLoop.ts"

const piece: RuntimeEvent = { _tag: "Text", text: "x" }

const DEADLINE_MS = 1_000

const behaviours = {
  spins: Stream.fromEffect(Effect.forever(Effect.yieldNow)),
  floods: Stream.fromIterable({
    *[Symbol.iterator]() {
      while (true) yield piece
    },
  }),
  hangs: Stream.never,
  throws: Stream.suspend(() => {
    throw new Error("a bug of the runtime")
  }),
} satisfies Record<string, Stream.Stream<RuntimeEvent>>

/** A runtime that behaves as the message says, and a signal for the beginning of the last of its runs. */
const misbehaving = (runs: number) => {
  const begun = Deferred.makeUnsafe<void>()
  let waiting = runs
  const run: AgentRuntime["run"] = ({ text }) =>
    Stream.unwrap(
      Effect.suspend(() => {
        waiting--
        const signal = waiting === 0 ? Deferred.succeed(begun, undefined) : Effect.void
        return Effect.as(signal, behaviours[text as keyof typeof behaviours])
      }),
    )
  return { begun, runtime: { name: "bad", models: [], run } satisfies AgentRuntime }
}

const config = { runs: { concurrent: 32, concurrentPerAgent: 32, deadlineMs: DEADLINE_MS } }

describe("Runs that spin, flood, hang or throw", () => {
  it.effect("Twenty of them end with their reasons, and the runs of other agents go on meanwhile.", () => {
    const { begun, runtime } = misbehaving(20)
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* (yield* Agents).create({ name: "bad", id: "bad", runtime: "bad" })
      const sent = yield* Effect.forEach(Array.from({ length: 20 }), (_, index) => {
        const text = Object.keys(behaviours)[index % 4]!
        return runs.accept({ text, sessionKey: `s${index}`, agentId: "bad" }, principal)
      })
      yield* Deferred.await(begun)
      for (let n = 0; n < 10; n++) {
        expect(yield* ask(`hi ${n}`, "good")).toMatchObject({ state: "done", reply: `echo: hi ${n}` })
      }
      yield* TestClock.adjust(DEADLINE_MS)
      const reasons = yield* Effect.forEach(sent, ({ runId }) =>
        Effect.map(runs.wait(runId, 60_000), ({ error }) => error?.reason),
      )
      const expected = ["budget", "budget", "budget", "bug"]
      expect(reasons).toEqual(sent.map((_, index) => expected[index % 4]))
      expect(runs.counts().running).toBe(0)
    }).pipe(Effect.provide(layer({ config, runtimes: [runtime] })))
  })

  it.effect("A flood without pauses lets other work run before its budget ends it.", () => {
    const { runtime } = misbehaving(1)
    return Effect.gen(function* () {
      const { turns, value } = yield* loopTurnsDuring(ask("floods", "s"))
      expect(value).toMatchObject({ state: "failed", error: { reason: "budget" } })
      expect(turns).toBeGreaterThan(1)
    }).pipe(Effect.provide(layer({ config: { ...config, runtime: "bad" }, runtimes: [runtime] })))
  })

  it.live("Runs that never wait give the processor away after a short time, however many they are.", () => {
    let operations = 0
    const spin = Effect.forever(
      Effect.sync(() => operations++),
      { disableYield: true },
    )
    const runtime: AgentRuntime = { name: "bad", models: [], run: () => Stream.fromEffect(spin) }
    const nextTurn = Effect.callback<number>((resume) => {
      setImmediate(() => resume(Effect.succeed(operations)))
    })
    const sessions = Array.from({ length: 20 }, (_, index) => `s${index}`)
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* Effect.forEach(sessions, (sessionKey) => runs.accept({ text: "spin", sessionKey }, principal))
      while (runs.counts().running < sessions.length) yield* nextTurn
      const counts: Array<number> = []
      while (counts.length < 20) counts.push(yield* nextTurn)
      const slices = counts.slice(1).map((count, i) => count - counts[i]!)
      expect(Math.max(...slices)).toBeGreaterThan(0)
      expect(Math.max(...slices)).toBeLessThanOrEqual(OPERATIONS + OPERATIONS_AT_ONCE)
      yield* Effect.forEach(sessions, (sessionKey) => runs.abort(sessionKey), { concurrency: "unbounded" })
    }).pipe(Effect.provide(layer({ config: { ...config, runtime: "bad" }, runtimes: [runtime] })))
  })
})
