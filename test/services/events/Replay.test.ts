/**
 * Replay, by random trials: a client disconnects and resumes, also after crashes of the gateway. In the end it has every
 * kept event once and in order, and the text of every run.
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
import { randomFrom } from "../../support/Random.ts"

type Gateway = Context.Service.Shape<typeof Events>

const turn = Effect.promise(() => new Promise<void>((resolve) => setImmediate(resolve)))

const turns = (count: number) => Effect.repeat(turn, { times: count })

const start = Effect.fnUntraced(function* (file: string, ringEvents: number) {
  const scope = yield* Scope.make()
  const services = yield* Layer.buildWithScope(
    Events.layerTuned({ ringEvents, chunk: 3 }).pipe(
      Layer.provide(Database.layerFile(file, "process")),
      Layer.provide(GatewayConfig.layer({})),
    ),
    scope,
  )
  return { file, scope, events: yield* Effect.provide(Events, services) }
})

/**
 * Commits runs with deltas, one after another, as an agent does. Adds each run that the gateway has acknowledged. The pauses
 * keep the three producers slower than the client: otherwise it would need tens of thousands of events to catch up.
 */
const produce = (events: Gateway, random: () => number, sessionKey: string, acknowledged: Array<string>) =>
  Effect.gen(function* () {
    for (;;) {
      const ofRun = { sessionKey, runId: `run-${Math.floor(random() * 1e12)}`, agentId: "main" }
      yield* events.commit(Effect.succeed([undefined, [{ _tag: "RunStarted", ...ofRun, attempt: 1 }]]))
      let text = ""
      for (let words = Math.floor(random() * 12); words > 0; words--) {
        const word = `${words} `
        text += word
        events.publishLive({ _tag: "TextDelta", ...ofRun, text: word })
        if (random() < 0.3) events.publishLive({ _tag: "ThinkingDelta", ...ofRun, text: word })
        if (random() < 0.5) yield* turn
      }
      const message = { id: 1, sessionKey, runId: ofRun.runId, role: "assistant", text, at: 0 } as const
      const ending: ReadonlyArray<KeptEvent> = [
        { _tag: "MessageAdded", sessionKey, message },
        { _tag: "RunEnded", ...ofRun, outcome: "done" },
      ]
      yield* events.commit(Effect.succeed([undefined, ending]))
      acknowledged.push(ofRun.runId)
      yield* turns(Math.floor(random() * 16))
      if (random() < 0.2)
        yield* events.commit(Effect.succeed([undefined, [{ _tag: "MemoryRemoved", id: ofRun.runId }]]))
    }
  })

/** A client that builds its state from the items, and notes each item that breaks a promise of the gateway. */
class Client {
  position: Position | undefined
  readonly kept: Array<{ readonly seq: number; readonly event: GatewayEvent }> = []
  readonly seen = { joins: 0, resets: 0, texts: 0, compared: 0 }
  /** Collected instead of asserted, because an assertion for each of some 10,000 items costs seconds. */
  readonly violations: Array<string> = []
  readonly #texts = new Map<string, string>()
  /** Positions at which open runs have started. */
  readonly #open = new Map<string, number>()
  /** A crash has cut off all runs that started up to here. */
  cutOffUpTo = 0
  /** Runs whose text is complete since this connection began. */
  readonly #complete = new Set<string>()
  caughtUp = false

  receive(item: EventItem): void {
    const epoch = item._tag === "Joined" ? item.epoch : (this.position?.epoch ?? "")
    // After a crash, the positions of the live events since the newest kept one mean nothing.
    const known = this.position?.seq ?? 0
    const reached = item._tag === "Joined" ? known - (known % 1_000_000) : known
    this.#check(item.seq >= reached, `${item._tag} went back to ${item.seq}`)
    this.position = { epoch, seq: item.seq }
    switch (item._tag) {
      case "Joined":
        this.seen.joins++
        if (item.reset !== null) this.seen.resets++
        this.#complete.clear()
        this.caughtUp = false
        return
      case "CaughtUp":
        this.caughtUp = true
        for (const [runId, seq] of this.#open) {
          this.#check(
            seq <= this.cutOffUpTo || this.#complete.has(runId),
            `the text of the open run ${runId} is missing`,
          )
        }
        return
      case "RunText":
        this.seen.texts++
        this.#texts.set(item.runId, item.text)
        this.#complete.add(item.runId)
        return
      case "Event":
        if (item.event._tag in KeptEvent.cases) {
          this.#check(item.seq > (this.kept.at(-1)?.seq ?? 0), `the kept event ${item.seq} came twice or too late`)
          this.kept.push({ seq: item.seq, event: item.event })
        }
        this.#apply(item.event, item.seq)
    }
  }

  #check(isKept: boolean, violation: string): void {
    if (!isKept) this.violations.push(violation)
  }

  #apply(event: GatewayEvent, seq: number): void {
    if (event._tag === "RunEnded") this.#open.delete(event.runId)
    if (event._tag === "RunStarted") {
      this.#open.set(event.runId, seq)
      this.#texts.set(event.runId, "")
      if (this.caughtUp) this.#complete.add(event.runId)
    }
    if (event._tag === "TextDelta") this.#texts.set(event.runId, `${this.#texts.get(event.runId)}${event.text}`)
    if (event._tag === "MessageAdded" && event.message.runId !== null && this.#complete.has(event.message.runId)) {
      const text = this.#texts.get(event.message.runId)
      this.#check(text === event.message.text, `the run ${event.message.runId} has the text ${text}`)
      this.seen.compared++
    }
  }
}

const stored = (file: string) => {
  const db = new DatabaseSync(file)
  const rows = db.prepare("SELECT seq, event FROM events ORDER BY seq").all()
  db.close()
  return rows.map(({ event, seq }) => ({
    seq: Number(seq) * 1_000_000,
    event: JSON.parse(String(event)) as GatewayEvent,
  }))
}

/** Copies the files as they are now, which is the state that a killed process leaves behind. */
const copyAsCrashed = (file: string, to: string) => {
  // An open read transaction keeps the checkpoint thread from truncating the log during the copy.
  const reader = new DatabaseSync(file)
  reader.exec("BEGIN; SELECT * FROM event_log")
  for (const suffix of ["", "-wal"]) if (Fs.existsSync(file + suffix)) Fs.copyFileSync(file + suffix, to + suffix)
  reader.close()
}

interface Case {
  readonly seed: number
  readonly ring: number
  readonly filter: EventFilter
  /** The greatest number of items between two disconnects. */
  readonly items: number
}

const trial = Effect.fnUntraced(function* (options: Case & { readonly disconnects: number }) {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-join-"))
  yield* Effect.addFinalizer(() => Effect.sync(() => Fs.rmSync(folder, { recursive: true })))
  const random = randomFrom(options.seed)
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
    // The connection ends while the client catches up, or some time after that.
    let left = 1 + Math.floor(random() * options.items)
    const countAll = random() < 0.5
    yield* gateway.events.subscribe(options.filter, client.position).pipe(
      Stream.tap(() => (random() < 0.05 ? turns(Math.floor(random() * 10)) : Effect.void)),
      Stream.takeUntil((item) => {
        client.receive(item)
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
      client.cutOffUpTo = gateway.events.head().seq
      producers = yield* begin(gateway.events)
    }
    if (random() < 0.3) yield* turns(Math.floor(random() * 30))
  }
  yield* Fiber.interruptAll(producers)
  yield* gateway.events.commit(Effect.succeed([undefined, [{ _tag: "MemoryRemoved", id: "last" }]]))
  yield* gateway.events.subscribe(options.filter, client.position).pipe(
    Stream.takeUntil((item) => {
      client.receive(item)
      return item._tag === "CaughtUp"
    }),
    Stream.runDrain,
  )
  yield* Scope.close(gateway.scope, Exit.void)
  return { client, crashes, acknowledged, rows: stored(gateway.file) }
}, Effect.scoped)

describe("Replay", () => {
  const disconnects = 250
  const cases: ReadonlyArray<Case> = [
    { seed: 1, ring: 4, filter: {}, items: 25 },
    { seed: 2, ring: 16, filter: {}, items: 25 },
    { seed: 3, ring: 8_192, filter: {}, items: 25 },
    { seed: 4, ring: 4, filter: { topics: ["chat"], sessionKey: "two" }, items: 25 },
    { seed: 5, ring: 64, filter: { sessionKey: "one" }, items: 25 },
    // Events of this topic are rare.
    { seed: 6, ring: 64, filter: { topics: ["memory"] }, items: 6 },
  ]

  for (const options of cases) {
    const { filter, ring } = options
    it.live(
      `A client that resumes has every kept event once and in order: ring of ${ring}, filter ${JSON.stringify(filter)}.`,
      () =>
        Effect.gen(function* () {
          const { acknowledged, client, crashes, rows } = yield* trial({ ...options, disconnects })
          const ended = new Set(rows.flatMap(({ event }) => (event._tag === "RunEnded" ? [event.runId] : [])))
          expect(client.violations).toEqual([])
          expect(client.kept).toEqual(rows.filter(({ event }) => wants(filter, event)))
          expect(acknowledged.filter((runId) => !ended.has(runId))).toEqual([])
          expect(client.seen.resets).toBe(0)
          // The trial proves something only if all of this has happened.
          expect(crashes).toBeGreaterThan(0)
          expect(client.kept.length).toBeGreaterThan(100)
          if (ring === 4) expect(client.seen.joins).toBeGreaterThan(disconnects + 1)
          if (filter.topics?.[0] !== "memory") expect(client.seen.compared).toBeGreaterThan(20)
        }),
      60_000,
    )
  }
})
