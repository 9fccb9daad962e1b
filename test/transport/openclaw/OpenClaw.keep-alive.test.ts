/** OpenClaw: ticks, health events and the limits of events for slow clients. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Layer from "effect/Layer"
import { GatewaySettings } from "../../../src/domain/GatewayConfig.ts"
import { defaultLimits } from "../../../src/domain/Limits.ts"
import { Connections } from "../../../src/services/connections/Connections.ts"
import * as Gateway from "../../../src/Gateway.ts"
import { DialectServer } from "../../../src/transport/kernel/DialectServer.ts"
import { ContractCalls } from "../../../src/transport/kernel/ContractCalls.ts"
import { openClaw } from "../../../src/transport/openclaw/OpenClaw.ts"
import { expectValidEvent } from "../../support/OpenClaw.ts"
import { connectParams, enter, type Frame, open } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const real = { excludeTestServices: true } as const
const KEY = "agent:main:main"

const { attachments } = Schema.decodeUnknownSync(GatewaySettings)({})
const dialect = openClaw({ strict: false, limits: defaultLimits, attachments })

/** The dialect at another path, with a short interval. */
const fastTicks = DialectServer.mount("/fast-ticks", {
  ...dialect,
  keepAlive: { ...dialect.keepAlive!, everyMs: 40 },
}).pipe(Layer.provide(DialectServer.layer), Layer.provide(ContractCalls.layer))

const eventsOf = (texts: ReadonlyArray<string>) =>
  texts.map((text) => JSON.parse(text) as Frame).filter(({ type }) => type === "event")

describe("Ticks", () => {
  it("The interval of ticks is 30 s.", () => {
    expect(dialect.keepAlive?.everyMs).toBe(30_000)
  })

  it.layer(
    TestGateway.layer({ routes: Layer.mergeAll(Gateway.parts.routes, fastTicks) }),
    real,
  )((it) => {
    it.effect("Every client gets ticks after hello-ok, also without scopes and as a node.", () =>
      Effect.gen(function* () {
        const stranger = yield* open("/fast-ticks")
        const all = yield* Effect.forEach([{}, { scopes: [] }, { role: "node", scopes: [] }], (more) =>
          Effect.gen(function* () {
            const client = yield* open("/fast-ticks")
            yield* client.connect(yield* connectParams(more))
            return client
          }),
        )
        for (const client of all) {
          const before = Date.now()
          const ticks = [yield* client.event("tick"), yield* client.event("tick")]
          expect(ticks[1]!.payload.ts).toBeGreaterThan(ticks[0]!.payload.ts)
          expect(Math.abs(ticks[1]!.payload.ts - before)).toBeLessThan(10_000)
          expect(ticks[1]!.seq).toBeGreaterThan(ticks[0]!.seq!)
        }
        expect(stranger.socket.rest).toEqual([])
      }),
    )
  })
})

describe("Health events", () => {
  it.layer(
    TestGateway.layer({ routes: Layer.mergeAll(Gateway.parts.routes, fastTicks) }),
    real,
  )((it) => {
    it.effect("Only clients that may read get health events with the ticks.", () =>
      Effect.gen(function* () {
        const reader = yield* open("/fast-ticks")
        yield* reader.connect(yield* connectParams())
        const stranger = yield* open("/fast-ticks")
        yield* stranger.connect(yield* connectParams({ scopes: [] }))
        const health = yield* reader.event("health")
        expectValidEvent(health)
        expect(health.payload).toMatchObject({ ok: true, agents: [{ agentId: "main" }] })
        const events: Array<string> = []
        yield* stranger.socket.find((text) => {
          events.push((JSON.parse(text) as Frame).event ?? "an answer")
          return events.length === 3 ? events : undefined
        })
        expect(events).toEqual(["tick", "tick", "tick"])
      }),
    )
  })
})

describe("Slow OpenClaw clients", () => {
  const OUTBOX_BYTES = 262_144
  /** More than the sockets and the outbox hold. */
  const MESSAGES_MAX = 1_000
  it.layer(
    TestGateway.layer({ limits: { outboxBytes: OUTBOX_BYTES } }),
    real,
  )((it) => {
    it.effect("A client that does not read is closed with the position from which it resumes without a gap.", () =>
      Effect.gen(function* () {
        const { client: writer } = yield* enter()
        const { client: slow } = yield* enter({ resume: true })
        yield* slow.ask("sessions.subscribe")
        const connections = yield* Connections
        slow.socket.stopReading()
        let total = 0
        const inject = (n: number) =>
          writer.ask("chat.inject", { sessionKey: KEY, message: `n${n} ${"x".repeat(100_000)}` })
        while (connections.size() > 1) {
          expect(yield* inject(total++)).toMatchObject({ ok: true })
          expect(total).toBeLessThan(MESSAGES_MAX)
        }
        // The gateway cuts a client that takes no close frame for seconds. This one reads again at once.
        slow.socket.goOnReading()
        const { code, reason } = yield* slow.socket.closed
        yield* inject(total++)
        expect(code).toBe(1008)
        const [, epoch, seq] = /^slow consumer: resume from ([^:]+):(\d+)$/.exec(reason) ?? []
        const before = eventsOf(slow.socket.rest)
        // Events may come before the answer to the subscription.
        expect(before.map(({ seq }) => seq)).toEqual(before.map((_, i) => before[0]!.seq! + i))

        const { client: again, hello } = yield* enter({ resume: { epoch, seq: Number(seq), sessions: true } })
        expect(hello.resume).toEqual({ resumed: true })
        const numberOf = ({ event, payload }: Frame) =>
          event === "session.message" ? Number(/n(\d+)/.exec(JSON.stringify(payload.message))?.[1]) : -1
        const numbers = before.map(numberOf).filter((n) => n >= 0)
        while (numbers.at(-1) !== total - 1) {
          const n = numberOf(yield* again.next)
          if (n >= 0 && !numbers.includes(n)) numbers.push(n)
        }
        expect(numbers).toEqual(Array.from({ length: total }, (_, i) => i))
      }),
    )
  })

  it.layer(
    TestGateway.layer({ limits: { outboxBytes: 50_000_000 } }),
    real,
  )((it) => {
    it.effect("A client that pauses sees no gap in `seq`, although merged events came once.", () =>
      Effect.gen(function* () {
        const { client: writer } = yield* enter()
        const { client: slow } = yield* enter()
        yield* slow.ask("sessions.subscribe")
        slow.socket.stopReading()
        // More than the sockets buffer. Later frames wait in the outbox, where changes of a session merge.
        for (let n = 0; n < 100; n++) {
          yield* writer.ask("chat.inject", { sessionKey: KEY, message: `${n} ${"x".repeat(100_000)}` })
        }
        for (let n = 0; n < 200; n++) yield* writer.ask("sessions.patch", { key: KEY, label: `label ${n}` })
        slow.socket.goOnReading()
        const numbers: Array<number> = []
        let last = ""
        while (last !== "label 199") {
          const frame = yield* slow.next
          if (frame.type !== "event") continue
          numbers.push(frame.seq!)
          if (frame.event === "sessions.changed") last = frame.payload.label ?? ""
        }
        expect(numbers).toEqual(numbers.map((_, i) => numbers[0]! + i))
      }),
    )
  })
})

describe("Subscriptions to sessions", () => {
  it.live("A client with 256 subscriptions gets an error for the next one, until it unsubscribes.", () =>
    Effect.gen(function* () {
      const { client } = yield* enter()
      const subscribe = (n: number) => client.ask("sessions.messages.subscribe", { key: `s${n}` })
      for (let n = 0; n < 256; n++) expect((yield* subscribe(n)).ok).toBe(true)
      expect((yield* subscribe(256)).error).toMatchObject({ code: "INVALID_REQUEST" })
      expect((yield* subscribe(0)).ok).toBe(true)
      yield* client.ask("sessions.messages.unsubscribe", { key: "s0" })
      expect((yield* subscribe(256)).ok).toBe(true)
      const { client: writer } = yield* enter()
      yield* writer.ask("chat.send", { sessionKey: "s256", message: "hi", idempotencyKey: "k" })
      expect((yield* client.event("session.message")).payload.sessionKey).toBe("s256")
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layer())),
  )
})
