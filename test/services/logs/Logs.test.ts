import { describe, expect, it } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import * as Redacted from "effect/Redacted"
import * as TestClock from "effect/testing/TestClock"
import { GatewayConfig, type GatewayOptions } from "../../../src/domain/GatewayConfig.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Events } from "../../../src/services/events/Events.ts"
import { Logs } from "../../../src/services/logs/Logs.ts"

const TOKEN = "the-gateway-token"
const PASSWORD = "a person's own words"

/** Returns a layer of logs that write to `lines` instead of standard error. */
const logged = (options: GatewayOptions = {}) => {
  const lines: Array<string> = []
  const capture = { ...console, error: (line: string) => void lines.push(line) }
  const layer = Logs.layer.pipe(
    Layer.provideMerge(GatewayConfig.layer({ token: TOKEN, password: PASSWORD, ...options })),
    Layer.provideMerge(Layer.succeed(Console.Console, capture)),
  )
  return { lines, layer }
}

const tail = (options: { readonly after?: number; readonly limit?: number; readonly level?: "warn" } = {}) =>
  Effect.map(Logs, (logs) => logs.tail({ limit: 200, ...options }))

const messages = Effect.map(tail(), ({ entries }) => entries.map(({ message }) => message))

describe("Logs", () => {
  it.effect("An entry has a level, a source and its annotations.", () =>
    Effect.gen(function* () {
      yield* Effect.logWarning("the disk is slow", { ms: 12 }).pipe(
        Effect.annotateLogs({ source: "storage", sessionKey: "agent:main:main" }),
      )
      yield* Effect.log("ready")
      const { entries, head, truncated } = yield* tail()
      expect(entries).toMatchObject([
        { id: 1, level: "warn", source: "storage" },
        { id: 2, level: "info", source: "gateway", message: "ready" },
      ])
      expect(entries[0]?.message).toMatch(/^the disk is slow .*"ms": ?12.* sessionKey=agent:main:main$/)
      expect({ head, truncated }).toEqual({ head: 2, truncated: false })
    }).pipe(Effect.provide(logged().layer)),
  )

  it.effect("The log keeps the newest 1,000 entries in memory.", () =>
    Effect.gen(function* () {
      yield* Effect.forEach(Array.from({ length: 1_500 }), (_, index) => Effect.log(`entry ${index + 1}`))
      const oldest = yield* tail({ after: 1, limit: 1_500 })
      expect(oldest.entries).toHaveLength(1_000)
      expect(oldest.entries[0]?.message).toBe("entry 501")
      expect(oldest).toMatchObject({ head: 1_500, truncated: true })
    }).pipe(Effect.provide(logged().layer)),
  )

  it.effect("A tail returns the entries after an id, up to a limit, from a level on.", () =>
    Effect.gen(function* () {
      yield* Effect.log("one")
      yield* Effect.logError("two")
      yield* Effect.log("three")
      const after = yield* tail({ after: 1 })
      expect(after).toMatchObject({ entries: [{ message: "two" }, { message: "three" }], truncated: false })
      const limited = yield* tail({ limit: 1 })
      expect(limited).toMatchObject({ entries: [{ message: "three" }], truncated: true })
      const grave = yield* tail({ level: "warn" })
      expect(grave).toMatchObject({ entries: [{ message: "two" }], truncated: false, head: 3 })
    }).pipe(Effect.provide(logged().layer)),
  )

  it.effect("Entries below `logLevel` are left out.", () =>
    Effect.gen(function* () {
      yield* Effect.logInfo("quiet")
      yield* Effect.logWarning("loud")
      expect(yield* messages).toEqual(["loud"])
    }).pipe(Effect.provide(logged({ logLevel: "warn" }).layer)),
  )
})

describe("Logs: long entries", () => {
  const { layer, lines } = logged()

  it.effect("A long entry is shortened and shows no part of a secret at its end.", () =>
    Effect.gen(function* () {
      yield* Effect.log(`${"x".repeat(16_380)}${TOKEN}${"x".repeat(10_000_000)}`)
      const [message = ""] = yield* messages
      expect(message.length).toBeLessThan(17_000)
      expect(message).not.toContain("the-")
      expect(lines[0]!.length).toBeLessThan(17_000)
    }).pipe(Effect.provide(layer)),
  )
})

describe("Logs: secrets", () => {
  const { layer, lines } = logged()

  it.effect("A secret does not appear in the log, in whatever form it is logged.", () =>
    Effect.gen(function* () {
      const logs = yield* Logs
      const made = "made-at-the-first-start"
      logs.hide(Redacted.make(made))
      yield* Effect.log(`the token is ${TOKEN}`)
      yield* Effect.log(`they said ${PASSWORD}`)
      yield* Effect.log({ nested: { token: TOKEN }, list: [made] })
      yield* Effect.log(Redacted.make("in-a-redacted-value"))
      yield* Effect.log("Authorization: Bearer in-a-header")
      yield* Effect.log("ws://127.0.0.1/ws?token=in-an-address&x=1")
      yield* Effect.log("annotated").pipe(Effect.annotateLogs({ header: `Bearer ${made}` }))
      yield* Effect.logError("failed", Cause.fail(new Error(`wrong token ${TOKEN}`)))
      const everything = [...(yield* messages), ...lines].join("\n")
      expect(lines).toHaveLength(8)
      for (const secret of [TOKEN, PASSWORD, made, "in-a-redacted-value", "in-a-header", "in-an-address"]) {
        expect(everything).not.toContain(secret)
      }
      expect(everything).toContain("wrong token <redacted>")
    }).pipe(Effect.provide(layer)),
  )
})

describe("Logs: standard error", () => {
  it.effect("The format `text` writes a line for people.", () => {
    const { layer, lines } = logged()
    return Effect.gen(function* () {
      yield* Effect.log("ready").pipe(Effect.annotateLogs("source", "http"))
      expect(lines).toEqual(["1970-01-01T00:00:00.000Z INFO  http: ready"])
    }).pipe(Effect.provide(layer))
  })

  it.effect("The format `json` writes one line of JSON, also for a cause of many lines.", () => {
    const { layer, lines } = logged({ logFormat: "json" })
    return Effect.gen(function* () {
      yield* Effect.logError("failed", Cause.die(new Error("broken")))
      expect(lines).toHaveLength(1)
      expect(lines[0]).not.toContain("\n")
      const line = JSON.parse(lines[0] ?? "")
      expect(line).toMatchObject({ at: "1970-01-01T00:00:00.000Z", level: "error", source: "gateway" })
      expect(line.message).toContain("broken")
    }).pipe(Effect.provide(layer))
  })
})

describe("Logs: live events", () => {
  const withEvents = (layer: Layer.Layer<Logs | GatewayConfig>) =>
    Logs.layerEvents.pipe(
      Layer.provideMerge(Events.layer),
      Layer.provideMerge(Database.layerMemory),
      Layer.provideMerge(layer),
      Layer.orDie,
    )

  it.effect("Entries are published as live events in their order.", () =>
    Effect.gen(function* () {
      const subscription = yield* (yield* Events).liveFeed
      yield* Effect.log("one")
      yield* Effect.log("two")
      const events = yield* PubSub.takeBetween(subscription, 2, 2)
      expect(events.map(({ event }) => event)).toMatchObject([
        { _tag: "LogAdded", entry: { message: "one" } },
        { _tag: "LogAdded", entry: { message: "two" } },
      ])
    }).pipe(Effect.scoped, Effect.provide(withEvents(logged().layer))),
  )

  it.effect("An observer receives no entry that it has caused itself.", () =>
    Effect.gen(function* () {
      const logs = yield* Logs
      const run = Effect.runSyncWith(yield* Effect.context<never>())
      let received = 0
      yield* logs.onEntry((entry) => {
        received++
        run(Effect.log(`received ${entry.id}`))
      })
      yield* Effect.log("one")
      expect(received).toBe(1)
      expect(yield* messages).toEqual(["one", "received 1"])
    }).pipe(Effect.scoped, Effect.provide(logged().layer)),
  )

  it.effect("At most 100 entries are published in one second.", () =>
    Effect.gen(function* () {
      const events = yield* Events
      const before = events.head().seq
      yield* Effect.forEach(Array.from({ length: 250 }), () => Effect.log("again"))
      yield* Effect.promise(() => new Promise(setImmediate))
      expect(events.head().seq - before).toBe(100)
      yield* TestClock.adjust("1 second")
      yield* Effect.log("later")
      yield* Effect.promise(() => new Promise(setImmediate))
      expect(events.head().seq - before).toBe(101)
    }).pipe(Effect.provide(withEvents(logged().layer))),
  )
})
