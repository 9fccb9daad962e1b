/**
 * Fanout, by random trials: subscribers whose clients read slowly, disconnect and resume. Each has every kept event once
 * and in order, and the whole text of a run before the run's next event.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import { type EventItem, type KeptEvent, type Position, type Positioned, wants } from "../../../src/domain/Event.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { Events } from "../../../src/services/events/Events.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import type { Merge } from "../../../src/transport/connection/Outbox.ts"
import { frameEnd, payloadAt } from "../../../src/transport/connection/WebSocketFrames.ts"
import type { EventEncoding } from "../../../src/transport/dialect/Dialect.ts"
import { Contract } from "../../../src/transport/dialect/Query.ts"
import * as Fanout from "../../../src/transport/fanout/Fanout.ts"
import type { Subscription } from "../../../src/transport/fanout/Subscription.ts"
import type { Sink } from "../../../src/transport/fanout/Subscriber.ts"
import { randomFrom } from "../../support/Random.ts"
import { tick } from "../../support/Ticks.ts"

type Received = EventItem | { readonly _tag: "Text"; readonly runId: string; readonly text: string }

const isDelta = (item: EventItem): boolean => item._tag === "Event" && item.event._tag === "TextDelta"

/** Encodes kept events as JSON, and the text of open runs by the throttle. Encodes tool calls with a query. */
const encodingOf = (joinsTexts: boolean): EventEncoding<string> => ({
  name: "test",
  viewKey: (view) => view,
  event: (_view, item, json) => {
    if (isDelta(item)) return Effect.succeed([])
    const frames = [{ policy: "must", text: json() } as const]
    const isTool = item._tag === "Event" && item.event._tag === "ToolStarted"
    return isTool ? Effect.as(Effect.yieldNow, frames) : Effect.succeed(frames)
  },
  ...(joinsTexts && { frame: (_view, texts) => `[${texts.join()}]` }),
  textThrottle: {
    // No text is due by time alone: only live subscribers would get it.
    everyMs: 3_600_000,
    frames: (_view, { runId, text }) => [{ policy: "must", text: JSON.stringify({ _tag: "Text", runId, text }) }],
  },
})

/** A client that takes a few frames, and then more only after `read`. */
class SlowSink implements Sink {
  readonly isBackpressured = false
  readonly received: Array<Received> = []
  /** Frames that it takes before the next `read`. */
  room = 0
  #waiting: Array<() => void> = []
  #awaited: ((item: Received) => boolean) | undefined
  #arrived: () => void = () => {}

  get full(): boolean {
    return this.room <= 0
  }

  read(frames: number): void {
    this.room = frames
    const waiting = this.#waiting
    this.#waiting = []
    for (const resume of waiting) resume()
  }

  awaitWritable(): Effect.Effect<void> {
    if (!this.full) return Effect.void
    const writable = Effect.callback<void>((resume) => {
      this.#waiting.push(() => resume(Effect.void))
    })
    return Effect.flatMap(writable, () => this.awaitWritable())
  }

  /** Reads without pause until the item arrives. */
  until(isLast: (item: Received) => boolean): Effect.Effect<void> {
    return Effect.callback((resume) => {
      this.#awaited = isLast
      this.#arrived = () => resume(Effect.void)
      if (this.received.some(isLast)) this.#arrived()
      this.read(Number.POSITIVE_INFINITY)
    })
  }

  sendShared(frames: Buffer, count: number): void {
    this.room -= count
    for (let at = 0; at < frames.length; at = frameEnd(frames, at)) {
      const value = JSON.parse(frames.toString("utf8", payloadAt(frames, at), frameEnd(frames, at)))
      for (const item of Array.isArray(value) ? value : [value]) {
        this.received.push(item)
        if (this.#awaited?.(item) === true) this.#arrived()
      }
    }
  }

  sendLive(frames: Buffer, count: number): void {
    this.sendShared(frames, count)
  }

  sendLatest(): void {
    throw new Error("this encoding has no frames of this policy")
  }

  sendAppended<A>(_key: string, _value: A, _by: Merge<A>): void {
    throw new Error("this encoding has no frames of this policy")
  }
}

const layer = Events.layerTuned({ ringEvents: 64, chunk: 5 }).pipe(
  Layer.provide(Database.layerMemory),
  Layer.provide(GatewayConfig.layer({})),
)

const noContract = Contract.calling(() => Effect.die("events of this encoding call nothing"))

/** Commits runs with deltas and tool calls, one after another, and some other events in bursts. */
const produce = (random: () => number, runs: number, sessionKey: string) =>
  Effect.gen(function* () {
    const events = yield* Events
    const commit = (...kept: ReadonlyArray<KeptEvent>) => events.commit(Effect.succeed([undefined, kept]))
    for (let i = 0; i < runs; i++) {
      const ofRun = { sessionKey, runId: `${sessionKey}-${i}`, agentId: "main" }
      yield* commit({ _tag: "RunStarted", ...ofRun, attempt: 1 })
      let text = ""
      for (let words = Math.floor(random() * 12); words > 0; words--) {
        text += `${words} `
        events.publishLive({ _tag: "TextDelta", ...ofRun, text: `${words} ` })
        if (random() < 0.2) yield* tick
        if (random() < 0.1) yield* commit({ _tag: "ToolStarted", ...ofRun, callId: "c", name: "n", input: text })
      }
      const message = { id: 1, sessionKey, runId: ofRun.runId, role: "assistant", text, at: 0 } as const
      yield* commit({ _tag: "MessageAdded", sessionKey, message }, { _tag: "RunEnded", ...ofRun, outcome: "done" })
      const others = random() < 0.2 ? Math.floor(random() * 60) : 0
      yield* commit(...Array.from({ length: others }, (_, n): KeptEvent => ({ _tag: "MemoryRemoved", id: `${n}` })))
      if (random() < 0.5) yield* tick
    }
  })

/** Checks the text before each event of a run that the subscriber follows from its start. Returns the number of texts. */
const checkTexts = (received: ReadonlyArray<Received>): number => {
  let compared = 0
  let hasCaughtUp = false
  const texts = new Map<string, string>()
  for (const item of received) {
    if (item._tag === "Joined") {
      texts.clear()
      hasCaughtUp = false
    }
    if (item._tag === "CaughtUp") hasCaughtUp = true
    if (item._tag === "Text" && texts.has(item.runId)) texts.set(item.runId, item.text)
    if (item._tag !== "Event") continue
    const { event } = item
    if (event._tag === "RunStarted" && hasCaughtUp) texts.set(event.runId, "")
    const expected =
      event._tag === "ToolStarted"
        ? ([event.runId, event.input] as const)
        : event._tag === "MessageAdded"
          ? ([event.message.runId ?? "", event.message.text] as const)
          : undefined
    const text = expected && texts.get(expected[0])
    if (text === undefined) continue
    expect(text).toBe(expected?.[1])
    compared++
  }
  return compared
}

const filter = { topics: ["chat", "memory"] } as const

const trial = Effect.fnUntraced(function* (seed: number, joinsTexts: boolean, frames: number) {
  const random = randomFrom(seed)
  const events = yield* Events
  const kept: Array<Positioned> = []
  yield* events.onEvent((item) => {
    if (!isDelta(item) && wants(filter, item.event)) kept.push(item)
  })
  const fanout = yield* Fanout.make(encodingOf(joinsTexts), noContract, 0, { frames, chars: 1_000_000 })
  const producers = yield* Effect.forEach(["one", "two"], (key) => Effect.forkChild(produce(random, 120, key)))

  const subscribe = (sink: SlowSink, from: Position) => fanout.subscribe(sink, "view", filter, from)
  const start: Position = { ...events.head(), seq: 0 }

  const readToHead = Effect.fnUntraced(function* (sink: SlowSink) {
    yield* events.commit(Effect.succeed([undefined, []]))
    const { seq } = events.head()
    yield* sink.until((item) => (item._tag === "Event" || item._tag === "CaughtUp") && item.seq >= seq)
  })

  /** A client that stops reading when it has seen the text of a run, until all is produced. */
  const stalled = Effect.gen(function* () {
    const sink = new SlowSink()
    const life: Fiber.Fiber<never> = yield* Effect.forkChild(subscribe(sink, start).life)
    yield* sink.until(() => checkTexts(sink.received) > 0)
    sink.read(0)
    yield* Effect.forEach(producers, Fiber.await)
    yield* readToHead(sink)
    yield* Fiber.interrupt(life)
    return { received: sink.received, subscriptions: 1, hasStalled: true }
  })

  /** A client that reads at its own pace, disconnects and resumes until all is produced. */
  const client = Effect.fnUntraced(function* (isQuick: boolean) {
    const sink = new SlowSink()
    let from = start
    let sentSeq = 0
    let subscriptions = 1
    while (producers.some((producer) => producer.pollUnsafe() === undefined)) {
      const subscription: Subscription<string> = subscribe(sink, from)
      const life: Fiber.Fiber<never> = yield* Effect.forkChild(subscription.life)
      for (let left = Math.floor(random() * 40); left > 0; left--) {
        if (isQuick || random() < 0.3) sink.read(isQuick ? 1_000 : Math.floor(random() * 20))
        yield* tick
        const { seq } = subscription.position()
        expect(seq).toBeGreaterThanOrEqual(sentSeq)
        sentSeq = seq
      }
      yield* Fiber.interrupt(life)
      from = subscription.position()
      subscriptions++
    }
    const last: Fiber.Fiber<never> = yield* Effect.forkChild(subscribe(sink, from).life)
    yield* readToHead(sink)
    yield* Fiber.interrupt(last)
    return { received: sink.received, subscriptions, hasStalled: false }
  })

  const all = yield* Effect.all([client(true), client(false), stalled], { concurrency: "unbounded" })
  return { all, kept }
}, Effect.scoped)

describe("Fanout", () => {
  for (const { frames, joinsTexts, seed } of [
    { seed: 1, joinsTexts: true, frames: 4_096 },
    { seed: 2, joinsTexts: false, frames: 4_096 },
    { seed: 3, joinsTexts: true, frames: 8 },
    { seed: 4, joinsTexts: false, frames: 8 },
  ]) {
    const form = joinsTexts ? "joined frames" : "single frames"
    it.live(`Slow subscribers get every kept event once and in order: ${form}, a backlog of ${frames}.`, () =>
      Effect.gen(function* () {
        const { all, kept } = yield* trial(seed, joinsTexts, frames)
        for (const { hasStalled, received, subscriptions } of all) {
          const joined = received.filter(({ _tag }) => _tag === "Joined").length
          // With a large backlog, a client that reads again goes on where it stopped.
          if (frames > 8) expect(joined).toBeLessThanOrEqual(subscriptions)
          else if (hasStalled) expect(joined).toBeGreaterThan(subscriptions)
          const events = received.filter((item) => item._tag === "Event")
          expect(events.map(({ seq }) => seq)).toEqual(kept.map(({ seq }) => seq))
          const seqs = received.flatMap((item) => (item._tag === "Text" ? [] : [item.seq]))
          expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
          expect(checkTexts(received)).toBeGreaterThan(0)
        }
      }).pipe(Effect.provide(layer)),
    )
  }
})
