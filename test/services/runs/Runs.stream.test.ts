import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { StreamItem } from "../../../src/domain/Chat.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { layer, principal } from "../../support/Conversations.ts"
import { staged } from "../../support/StagedRuntime.ts"

const send = (text: string, idempotencyKey = "key", sessionKey = "s") => ({ text, sessionKey, idempotencyKey })

const tags = (items: ReadonlyArray<StreamItem>) =>
  items.map((item) => (item._tag === "Event" ? item.event._tag : item._tag))

/** Builds the text as a client does: it appends deltas, and a RunText replaces the text. */
const textOf = (items: ReadonlyArray<StreamItem>) =>
  items.reduce((text, item) => {
    if (item._tag === "RunText") return item.text
    return item._tag === "Event" && item.event._tag === "TextDelta" ? text + item.event.text : text
  }, "")

const onStage = () => {
  const stage = staged()
  return { ...stage, gateway: layer({ config: { runtime: "staged" }, runtimes: [stage.runtime] }) }
}

/** Reads the stream of a send in a fiber. `seen` grows, and `until` waits until the condition holds. */
const reading = Effect.fnUntraced(function* (text: string, key?: string) {
  const runs = yield* Runs
  const seen: Array<StreamItem> = []
  const arrivals = yield* Queue.unbounded<StreamItem>()
  const fiber = yield* Effect.forkChild(
    Stream.runForEach(runs.stream(send(text, key), principal), (item) => {
      seen.push(item)
      return Queue.offer(arrivals, item)
    }),
  )
  const until = Effect.fnUntraced(function* (holds: () => boolean) {
    while (!holds()) yield* Queue.take(arrivals)
  })
  return { seen, fiber, until }
})

describe("Runs.stream", () => {
  it.live("A stream has the acceptance and the events of its run only, and ends with the run.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const other = yield* Effect.forkChild(Stream.runCollect(runs.stream(send("b", "other", "s2"), principal)))
      const items = yield* Stream.runCollect(runs.stream(send("/tool one two"), principal))
      expect(tags(items)).toEqual([
        "Accepted",
        "RunAccepted",
        "MessageAdded",
        "RunStarted",
        "ToolStarted",
        "ToolUpdated",
        "ToolEnded",
        "MessageAdded",
        "TextDelta",
        "MessageAdded",
        "RunEnded",
      ])
      expect(textOf(items)).toBe("echo: one two")
      expect(textOf(yield* Fiber.join(other))).toBe("echo: b")
      const [accepted, ...rest] = items
      expect(accepted).toMatchObject({ _tag: "Accepted", runId: "key", sessionKey: "s", duplicate: false })
      for (const item of rest) {
        expect(item._tag === "Event" && accepted?._tag === "Accepted" && item.seq > accepted.position.seq).toBe(true)
      }
    }).pipe(Effect.provide(layer())),
  )

  it.live("A repeated send during the run gets the text so far, then the later events.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const first = yield* reading("x")
      const run = yield* next
      yield* run.say("one ")
      yield* first.until(() => textOf(first.seen) === "one ")
      const second = yield* reading("x")
      yield* second.until(() => second.seen.length === 2)
      expect(second.seen).toMatchObject([
        { _tag: "Accepted", duplicate: true },
        { _tag: "RunText", text: "one " },
      ])
      yield* run.say("two")
      yield* run.end
      yield* Fiber.joinAll([first.fiber, second.fiber])
      expect(textOf(first.seen)).toBe("one two")
      expect(textOf(second.seen)).toBe("one two")
      expect(tags(second.seen).slice(2)).toEqual(["TextDelta", "MessageAdded", "RunEnded"])
    }).pipe(Effect.provide(gateway))
  })

  it.live("A repeated send of a waiting turn gets the events of its run.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      yield* runs.accept(send("first", "k1"), principal)
      const running = yield* next
      yield* runs.accept(send("second", "k2"), principal)
      const joined = yield* reading("second", "k2")
      yield* joined.until(() => joined.seen.length === 2)
      yield* running.end
      const run = yield* next
      yield* run.say("hi")
      yield* run.end
      yield* Fiber.join(joined.fiber)
      expect(textOf(joined.seen)).toBe("hi")
      expect(tags(joined.seen).at(-1)).toBe("RunEnded")
    }).pipe(Effect.provide(gateway))
  })

  it.live("A repeated send after the end gets the messages and the end of the run.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const first = yield* reading("x")
      const run = yield* next
      yield* run.say("y")
      yield* run.emit({ _tag: "Usage", usage: { inputTokens: 1, outputTokens: 2 } })
      yield* run.end
      yield* Fiber.join(first.fiber)
      const again = yield* Stream.runCollect(runs.stream(send("x"), principal))
      const kept = (items: ReadonlyArray<StreamItem>) =>
        items.flatMap((item) =>
          item._tag === "Event" && ["MessageAdded", "RunEnded"].includes(item.event._tag) ? [item.event] : [],
        )
      expect(again[0]).toMatchObject({ _tag: "Accepted", duplicate: true })
      expect(kept(again)).toEqual(kept(first.seen))
      expect(again.length).toBe(4)
    }).pipe(Effect.provide(gateway))
  })

  it.live("A failed run ends the stream with an event, not with a failure.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const items = yield* Stream.runCollect(runs.stream(send("/fail x"), principal))
      const error = { reason: "runtime", message: "The echo was asked to fail." }
      expect(items.at(-1)).toMatchObject({ event: { _tag: "RunEnded", outcome: "failed", error } })
      const again = yield* Stream.runCollect(runs.stream(send("/fail x"), principal))
      expect(tags(again)).toEqual(["Accepted", "MessageAdded", "RunEnded"])
      expect(again.at(1)).toMatchObject({ event: { message: { role: "user", text: "/fail x", failed: error } } })
      expect(again.at(-1)).toMatchObject({ event: { outcome: "failed", error } })
    }).pipe(Effect.provide(layer())),
  )

  it.live("A refused send fails the stream.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      yield* Stream.runDrain(runs.stream(send("x"), principal))
      const refused = yield* Effect.flip(Stream.runDrain(runs.stream(send("x", "key", "other"), principal)))
      expect(refused).toMatchObject({ _tag: "IdempotencyConflict" })
    }).pipe(Effect.provide(layer())),
  )

  it.live("A reader that leaves does not stop the run.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const reader = yield* reading("x")
      const run = yield* next
      yield* Fiber.interrupt(reader.fiber)
      yield* run.say("y")
      yield* run.end
      expect(yield* runs.wait("key", 5_000)).toMatchObject({ state: "done", reply: "y" })
      expect(Deferred.isDoneUnsafe(run.interrupted)).toBe(false)
    }).pipe(Effect.provide(gateway))
  })

  it.live("A slow reader does not delay the run and gets the whole text.", () => {
    const { gateway, next } = onStage()
    return Effect.gen(function* () {
      const runs = yield* Runs
      const events = yield* Events
      const gate = Deferred.makeUnsafe<void>()
      const seen: Array<StreamItem> = []
      const slow = yield* Effect.forkChild(
        Stream.runForEach(runs.stream(send("x"), principal), (item) => {
          seen.push(item)
          return Deferred.await(gate)
        }),
      )
      const run = yield* next
      for (let n = 0; n < 3_000; n++) yield* run.say(`${n} `)
      yield* run.end
      const { reply } = yield* runs.wait("key", 10_000)
      expect(seen.length).toBe(1)
      yield* Deferred.succeed(gate, undefined)
      yield* Fiber.join(slow)
      expect(textOf(seen)).toBe(reply)
      expect(tags(seen).at(-1)).toBe("RunEnded")
      expect(seen.length).toBeLessThan(600)
      expect(events.head().seq).toBeGreaterThan(3_000)
    }).pipe(Effect.provide(gateway))
  })
})
