/**
 * The promise of the join, by trial: whoever drops and comes back, to a gateway that may have crashed in between, has in
 * the end every kept event once and in order, and every run's text.
 */
import { describe, expect, it } from "@effect/vitest"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { DatabaseSync } from "node:sqlite"
import {
  type EventFilter,
  type EventItem,
  type GatewayEvent,
  KeptEvent,
  type Position,
  wants,
} from "../../../src/domain/Event.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Events } from "../../../src/services/events/Events.ts"

type Gateway = Context.Service.Shape<typeof Events>

/** Mulberry32: the same numbers for the same seed. */
const randomFrom = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed)
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
}

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const turns = (count: number) => Effect.repeat(turn, { times: count })

const start = Effect.fnUntraced(function* (file: string, ringEvents: number) {
  const scope = yield* Scope.make()
  const services = yield* Layer.buildWithScope(
    Events.layerTuned({ ringEvents, chunk: 3 }).pipe(
      Layer.provide(Database.layerFile(file)),
      Layer.provide(GatewayConfig.layer({})),
    ),
    scope,
  )
  return { file, scope, events: yield* Effect.provide(Events, services) }
})

/** Runs with deltas, one after another: what an agent does. `acknowledged` has what the gateway promised to keep. */
const produce = (events: Gateway, random: () => number, sessionKey: string, acknowledged: Array<string>) =>
  Effect.gen(function* () {
    for (;;) {
      const ofRun = { sessionKey, runId: `run-${Math.floor(random() * 1e12)}`, agentId: "main" }
      yield* events.commit(() => [undefined, [{ _tag: "RunStarted", ...ofRun, attempt: 1 }]])
      let text = ""
      for (let words = Math.floor(random() * 12); words > 0; words--) {
        const word = `${words} `
        text += word
        events.publishLive({ _tag: "TextDelta", ...ofRun, text: word })
        if (random() < 0.3) events.publishLive({ _tag: "ThinkingDelta", ...ofRun, text: word })
        if (random() < 0.5) yield* turn
      }
      const message = { id: 1, sessionKey, runId: ofRun.runId, role: "assistant", text, at: 0 } as const
      const told: ReadonlyArray<KeptEvent> = [
        { _tag: "MessageAdded", sessionKey, message },
        { _tag: "RunEnded", ...ofRun, outcome: "done" },
      ]
      yield* random() < 0.5
        ? events.commit(() => [undefined, told])
        : events.transact(Effect.as(random() < 0.5 ? turn : Effect.void, [undefined, told] as const))
      acknowledged.push(ofRun.runId)
      yield* turns(Math.floor(random() * 4))
      if (random() < 0.2) yield* events.commit(() => [undefined, [{ _tag: "MemoryRemoved", id: ofRun.runId }]])
    }
  })

/** What a careful client builds from what it is told, and what it holds the gateway to. */
class Client {
  position: Position | undefined
  readonly kept: Array<{ readonly seq: number; readonly event: GatewayEvent }> = []
  readonly seen = { joins: 0, resets: 0, texts: 0, compared: 0 }
  readonly #texts = new Map<string, string>()
  /** Runs of which nothing can be missing since this connection began. */
  readonly #whole = new Set<string>()
  caughtUp = false

  take(item: EventItem): void {
    const epoch = item._tag === "Joined" ? item.epoch : (this.position?.epoch ?? "")
    expect(item.seq).toBeGreaterThanOrEqual(this.position?.seq ?? 0)
    this.position = { epoch, seq: item.seq }
    switch (item._tag) {
      case "Joined":
        this.seen.joins++
        if (item.reset !== null) this.seen.resets++
        this.#whole.clear()
        this.caughtUp = false
        return
      case "CaughtUp":
        this.caughtUp = true
        return
      case "RunText":
        this.seen.texts++
        this.#texts.set(item.runId, item.text)
        this.#whole.add(item.runId)
        return
      case "Event":
        if (item.event._tag in KeptEvent.cases) {
          expect(item.seq).toBeGreaterThan(this.kept.at(-1)?.seq ?? 0)
          this.kept.push({ seq: item.seq, event: item.event })
        }
        this.#follow(item.event)
    }
  }

  #follow(event: GatewayEvent): void {
    if (event._tag === "RunStarted") {
      this.#texts.set(event.runId, "")
      if (this.caughtUp) this.#whole.add(event.runId)
    }
    if (event._tag === "TextDelta") this.#texts.set(event.runId, `${this.#texts.get(event.runId)}${event.text}`)
    if (event._tag === "MessageAdded" && event.message.runId !== null && this.#whole.has(event.message.runId)) {
      expect(this.#texts.get(event.message.runId)).toBe(event.message.text)
      this.seen.compared++
    }
  }
}

const stored = (file: string) => {
  const db = new DatabaseSync(file)
  const rows = db.prepare("SELECT seq, event FROM events ORDER BY seq").all()
  db.close()
  return rows.map(({ event, seq }) => ({ seq: Number(seq), event: JSON.parse(String(event)) as GatewayEvent }))
}

/** What a kill leaves: the files as they are at this moment. What is not on disk never was. */
const copyAsCrashed = (file: string, to: string) => {
  // A reader keeps the checkpoint thread from truncating what is being copied.
  const reader = new DatabaseSync(file)
  reader.exec("BEGIN; SELECT * FROM event_log")
  for (const suffix of ["", "-wal"]) if (Fs.existsSync(file + suffix)) Fs.copyFileSync(file + suffix, to + suffix)
  reader.close()
}

const trial = Effect.fnUntraced(function* (
  seed: number,
  options: { readonly ring: number; readonly filter: EventFilter; readonly disconnects: number },
) {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-join-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(folder, { recursive: true })))
  const random = randomFrom(seed)
  const client = new Client()
  const acknowledged: Array<string> = []
  const begin = (events: Gateway) =>
    Effect.forEach(["one", "two", "three"], (session) =>
      Effect.forkChild(produce(events, random, session, acknowledged)),
    )

  let gateway = yield* start(Path.join(folder, "0.db"), options.ring)
  let producers = yield* begin(gateway.events)
  let crashes = 0
  client.position = gateway.events.head()
  for (let round = 0; round < options.disconnects; round++) {
    const crash = random() < 0.03
    const next = Path.join(folder, `${crashes + 1}.db`)
    // Cut off in the middle of what was missed, or some way into the present.
    let left = 1 + Math.floor(random() * 25)
    const countAll = random() < 0.5
    yield* gateway.events.subscribe(options.filter, client.position).pipe(
      Stream.tap(() => (random() < 0.05 ? turns(Math.floor(random() * 10)) : Effect.void)),
      Stream.takeUntil((item) => {
        client.take(item)
        if (countAll || client.caughtUp) left--
        if (left === 0 && crash) copyAsCrashed(gateway.file, next)
        return left === 0
      }),
      Stream.runDrain,
    )
    if (crash) {
      crashes++
      yield* Fiber.interruptAll(producers)
      yield* Scope.close(gateway.scope, Exit.void)
      acknowledged.splice(0)
      gateway = yield* start(next, options.ring)
      producers = yield* begin(gateway.events)
    }
    if (random() < 0.3) yield* turns(Math.floor(random() * 30))
  }
  yield* Fiber.interruptAll(producers)
  yield* gateway.events.commit(() => [undefined, [{ _tag: "MemoryRemoved", id: "last" }]])
  yield* gateway.events.subscribe(options.filter, client.position).pipe(
    Stream.takeUntil((item) => {
      client.take(item)
      return item._tag === "CaughtUp"
    }),
    Stream.runDrain,
  )
  yield* Scope.close(gateway.scope, Exit.void)
  return { client, crashes, acknowledged, rows: stored(gateway.file) }
}, Effect.scoped)

describe("a subscriber who drops and comes back", () => {
  const disconnects = 250
  const cases: ReadonlyArray<{ readonly seed: number; readonly ring: number; readonly filter: EventFilter }> = [
    { seed: 1, ring: 4, filter: {} },
    { seed: 2, ring: 64, filter: {} },
    { seed: 3, ring: 8_192, filter: {} },
    { seed: 4, ring: 4, filter: { topics: ["chat"], sessionKey: "two" } },
    { seed: 5, ring: 64, filter: { sessionKey: "one" } },
    { seed: 6, ring: 64, filter: { topics: ["memory"] } },
  ]

  for (const { filter, ring, seed } of cases) {
    it.live(
      `has every kept event once, in order, and every text: ring of ${ring}, ${JSON.stringify(filter)}`,
      () =>
        Effect.gen(function* () {
          const { acknowledged, client, crashes, rows } = yield* trial(seed, { ring, filter, disconnects })
          const ended = new Set(rows.flatMap(({ event }) => (event._tag === "RunEnded" ? [event.runId] : [])))
          expect(client.kept).toEqual(rows.filter(({ event }) => wants(filter, event)))
          expect(acknowledged.filter((runId) => !ended.has(runId))).toEqual([])
          expect(client.seen.resets).toBe(0)
          // What makes the trial one.
          expect(crashes).toBeGreaterThan(0)
          expect(client.kept.length).toBeGreaterThan(100)
          if (ring === 4) expect(client.seen.joins).toBeGreaterThan(disconnects + 1)
          if (filter.topics?.[0] !== "memory") expect(client.seen.compared).toBeGreaterThan(20)
        }),
      60_000,
    )
  }
})
