/** Events on the native wire: told by the fan-out, to clients that acknowledge and to clients that do not. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { EventItem, type KeptEvent, type Position } from "../../../src/domain/Event.ts"
import { Connections } from "../../../src/services/connections/Connections.ts"
import { Events } from "../../../src/services/events/Events.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import * as TestSocket from "../../support/TestSocket.ts"

interface Chunk {
  readonly requestId: number | string
  readonly values: ReadonlyArray<unknown>
}

const decodeItem = Schema.decodeUnknownSync(Schema.toCodecJson(EventItem))

const connect = Effect.flatMap(TestGateway.TestGateway, ({ token, wsUrl }) =>
  TestSocket.connect(`${wsUrl}/rpc?token=${token}`),
)

const request = (id: number | string, tag: string, payload: unknown) =>
  JSON.stringify({ _tag: "Request", id, tag, payload, headers: [] })

/** A client that follows memory, and how it takes what comes. */
class Subscriber {
  readonly socket: TestSocket.TestSocket
  readonly id: number | string
  acknowledges = true
  /** Of the documents whose end was told. */
  readonly told: Array<string> = []
  readonly #seqs: Array<number> = []
  joins = 0
  chunks = 0

  constructor(socket: TestSocket.TestSocket, id: number | string) {
    this.socket = socket
    this.id = id
  }

  subscribe(from?: Position): void {
    this.socket.send(request(this.id, "events.subscribe", { topics: ["memory"], ...(from !== undefined && { from }) }))
  }

  acknowledge(chunks: number): void {
    this.socket.send(...Array.from({ length: chunks }, () => JSON.stringify({ _tag: "Ack", requestId: this.id })))
  }

  /** Hears what comes until it is this. */
  until(isLast: (frame: string) => boolean): Effect.Effect<void> {
    return this.socket.find((frame) => {
      const message = JSON.parse(frame)
      if (message._tag === "Chunk") this.#take(message)
      return isLast(frame) ? true : undefined
    })
  }

  #take({ requestId, values }: Chunk): void {
    expect(requestId).toBe(this.id)
    this.chunks++
    for (const value of values) {
      const item = decodeItem(value)
      expect(item.seq).toBeGreaterThanOrEqual(this.#seqs.at(-1) ?? 0)
      this.#seqs.push(item.seq)
      if (item._tag === "Joined") this.joins++
      if (item._tag === "Event" && item.event._tag === "MemoryRemoved") this.told.push(item.event.id.trim())
    }
    if (this.acknowledges) this.acknowledge(1)
  }

  hear(ids: ReadonlyArray<string>): Effect.Effect<void> {
    const last = ids.at(-1)!
    return this.told.includes(last) ? Effect.void : this.until(() => this.told.includes(last))
  }

  present(): Effect.Effect<void> {
    return this.until((frame) => frame.includes("CaughtUp"))
  }

  /** Everything sent before it has come. */
  served(): Effect.Effect<void> {
    this.socket.send(request("served", "ping", {}))
    return this.until((frame) => frame.includes("served"))
  }
}

const subscriber = Effect.fnUntraced(function* (id: number | string, from?: Position) {
  const subscriber = new Subscriber(yield* connect, id)
  subscriber.subscribe(from)
  yield* subscriber.present()
  return subscriber
})

let lastDocument = 0

/** So many events at once; answers the documents that they are about. */
const happen = Effect.fnUntraced(function* (count: number, chars = 10) {
  const events = yield* Events
  const ids = Array.from({ length: count }, () => `${++lastDocument}`)
  const removed = ids.map((id): KeptEvent => ({ _tag: "MemoryRemoved", id: id.padEnd(chars) }))
  yield* events.commit(() => [undefined, removed])
  return ids
})

describe("a subscription on the native wire", () => {
  const plain = TestGateway.layer()
  it.layer(plain, { excludeTestServices: true })((it) => {
    it.effect("is told under its own id, whatever that is, what all are told", () =>
      Effect.gen(function* () {
        const all = yield* Effect.forEach([1, 7, "seven", `"},{"\\ \u{1F600}`], (id) => subscriber(id))
        const ids = yield* happen(3)
        yield* Effect.forEach(all, (one) => one.hear(ids))
        for (const one of all) expect(one.told).toEqual(ids)
      }),
    )

    it.effect("is told what happens at once in one chunk, to be acknowledged once", () =>
      Effect.gen(function* () {
        const one = yield* subscriber(1)
        const before = one.chunks
        const ids = yield* happen(100)
        yield* one.hear(ids)
        expect(one.told).toEqual(ids)
        expect(one.chunks).toBe(before + 1)
      }),
    )

    it.effect("is told what it has missed in chunks of many, and then what happens", () =>
      Effect.gen(function* () {
        const { head } = yield* Events
        const from = head()
        const missed = yield* happen(1_000)
        const one = yield* subscriber(1, from)
        expect(one.told).toEqual(missed)
        expect(one.chunks).toBeLessThan(20)
        const now = yield* happen(10)
        yield* one.hear(now)
        expect(one.told).toEqual([...missed, ...now])
      }),
    )

    it.effect("ends when it is interrupted, and says so; its id is free again", () =>
      Effect.gen(function* () {
        const one = yield* subscriber(1)
        one.socket.send(JSON.stringify({ _tag: "Interrupt", requestId: 1 }))
        const exit = JSON.parse(yield* one.socket.next)
        expect(exit).toMatchObject({ _tag: "Exit", requestId: 1, exit: { cause: [{ _tag: "Interrupt" }] } })
        yield* happen(10)
        one.socket.send(request(1, "ping", {}))
        expect(JSON.parse(yield* one.socket.next)).toMatchObject({ _tag: "Exit", exit: { _tag: "Success" } })
      }),
    )

    it.effect("is not told what it has not asked for, and counts as one call", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const one = yield* subscriber(1)
        const before = one.chunks
        const { commit } = yield* Events
        yield* commit(() => [undefined, [{ _tag: "AgentRemoved", agentId: "nobody" }]])
        yield* one.hear(yield* happen(1))
        expect(one.chunks).toBe(before + 1)
        expect(connections.list().at(-1)!.callsInFlight).toBe(1)
      }),
    )

    it.effect("needs no acknowledgement: a client that sends none is told everything", () =>
      Effect.gen(function* () {
        const one = new Subscriber(yield* connect, 1)
        one.acknowledges = false
        one.subscribe()
        yield* one.present()
        const all: Array<string> = []
        for (let i = 0; i < 100; i++) all.push(...(yield* happen(10, 1_000)))
        yield* one.hear(all)
        expect(one.told).toEqual(all)
      }),
    )

    it.effect("gives a client that acknowledges a window: beyond it waits what happens, and nothing is missed", () =>
      Effect.gen(function* () {
        const one = yield* subscriber(1)
        yield* one.served()
        one.acknowledges = false
        const before = one.chunks
        const all: Array<string> = []
        for (let i = 0; i < 200; i++) all.push(...(yield* happen(1, 1_000)))
        yield* one.served()
        // 64 KiB are under way, and no more comes while other calls are answered.
        yield* one.served()
        expect(one.told.length).toBeGreaterThan(50)
        expect(one.told.length).toBeLessThan(70)
        one.acknowledges = true
        one.acknowledge(one.chunks - before)
        yield* one.hear(all)
        expect(one.told).toEqual(all)
        expect(one.joins).toBe(1)
      }),
    )

    it.effect("joins a client anew that more has happened to than can be held, without a gap", () =>
      Effect.gen(function* () {
        const one = yield* subscriber(1)
        yield* one.served()
        one.acknowledges = false
        const before = one.chunks
        const all: Array<string> = []
        for (let i = 0; i < 100; i++) all.push(...(yield* happen(100, 100)))
        yield* one.served()
        expect(one.told.length).toBeLessThan(1_000)
        one.acknowledges = true
        one.acknowledge(one.chunks - before)
        yield* one.hear(all)
        expect(one.told).toEqual(all)
        expect(one.joins).toBe(2)
      }),
    )
  })

  const outboxBytes = 262_144
  it.layer(TestGateway.layer({ limits: { outboxBytes } }), { excludeTestServices: true })((it) => {
    it.effect.each([true, false])(
      "costs its bound where it is not read, holds up nobody, and misses nothing once it is (acknowledges: %s)",
      (acknowledges) =>
        Effect.gen(function* () {
          const connections = yield* Connections
          const slow = new Subscriber(yield* connect, 1)
          slow.acknowledges = acknowledges
          slow.subscribe()
          yield* slow.present()
          const { id } = connections.list().at(-1)!
          const quick = yield* subscriber(2)
          slow.socket.stopReading()
          const all: Array<string> = []
          let most = 0
          for (let i = 0; i < 200; i++) {
            all.push(...(yield* happen(1, 100_000)))
            yield* quick.hear(all)
            most = Math.max(most, connections.list().find((connection) => connection.id === id)!.outboxBytes)
          }
          expect(most).toBeLessThan(outboxBytes)
          slow.socket.goOnReading()
          yield* slow.hear(all)
          expect(slow.told).toEqual(all)
        }),
    )
  })
})

describe("an event on the native wire", () => {
  const encode = Schema.encodeSync(Schema.toCodecJson(EventItem))

  it.prop("is the same JSON as its schema makes of it", [EventItem], ([item]) => {
    expect(JSON.parse(JSON.stringify(item))).toEqual(JSON.parse(JSON.stringify(encode(item))))
  })
})
