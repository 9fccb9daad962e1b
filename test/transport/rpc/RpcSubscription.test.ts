/** Subscriptions on /rpc, for clients that acknowledge chunks and for clients that do not. */
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

/** A client that subscribes to memory events and checks their order. */
class Subscriber {
  readonly socket: TestSocket.TestSocket
  readonly id: number | string
  acknowledges = true
  /** The ids of the removed documents, in the order of the events. */
  readonly removed: Array<string> = []
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

  /** Receives frames up to the first for which `isLast` holds. */
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
      if (item._tag === "Event" && item.event._tag === "MemoryRemoved") this.removed.push(item.event.id.trim())
    }
    if (this.acknowledges) this.acknowledge(1)
  }

  receive(ids: ReadonlyArray<string>): Effect.Effect<void> {
    const last = ids.at(-1)!
    return this.removed.includes(last) ? Effect.void : this.until(() => this.removed.includes(last))
  }

  caughtUp(): Effect.Effect<void> {
    return this.until((frame) => frame.includes("CaughtUp"))
  }

  /** Waits until every frame that the gateway has sent so far has arrived. */
  served(): Effect.Effect<void> {
    this.socket.send(request("served", "ping", {}))
    return this.until((frame) => frame.includes("served"))
  }
}

const subscriber = Effect.fnUntraced(function* (id: number | string, from?: Position) {
  const subscriber = new Subscriber(yield* connect, id)
  subscriber.subscribe(from)
  yield* subscriber.caughtUp()
  return subscriber
})

let lastDocument = 0

/** Commits `count` events at once and returns the ids of their documents. */
const removeDocuments = Effect.fnUntraced(function* (count: number, chars = 10) {
  const events = yield* Events
  const ids = Array.from({ length: count }, () => `${++lastDocument}`)
  const removed = ids.map((id): KeptEvent => ({ _tag: "MemoryRemoved", id: id.padEnd(chars) }))
  yield* events.commit(Effect.succeed([undefined, removed]))
  return ids
})

describe("RpcSubscription", () => {
  const plain = TestGateway.layer()
  it.layer(plain, { excludeTestServices: true })((it) => {
    it.effect("Every subscriber receives the same events under its own id.", () =>
      Effect.gen(function* () {
        const all = yield* Effect.forEach([1, 7, "seven", `"},{"\\ \u{1F600}`], (id) => subscriber(id))
        const ids = yield* removeDocuments(3)
        yield* Effect.forEach(all, (one) => one.receive(ids))
        for (const one of all) expect(one.removed).toEqual(ids)
      }),
    )

    it.effect("Events of one commit arrive in one chunk with one acknowledgement.", () =>
      Effect.gen(function* () {
        const one = yield* subscriber(1)
        const before = one.chunks
        const ids = yield* removeDocuments(100)
        yield* one.receive(ids)
        expect(one.removed).toEqual(ids)
        expect(one.chunks).toBe(before + 1)
      }),
    )

    it.effect("A subscriber receives missed events in large chunks and then live events.", () =>
      Effect.gen(function* () {
        const { head } = yield* Events
        const from = head()
        const missed = yield* removeDocuments(1_000)
        const one = yield* subscriber(1, from)
        expect(one.removed).toEqual(missed)
        expect(one.chunks).toBeLessThan(20)
        const now = yield* removeDocuments(10)
        yield* one.receive(now)
        expect(one.removed).toEqual([...missed, ...now])
      }),
    )

    it.effect("An interrupted subscription answers, ends and frees its id.", () =>
      Effect.gen(function* () {
        const one = yield* subscriber(1)
        one.socket.send(JSON.stringify({ _tag: "Interrupt", requestId: 1 }))
        const exit = JSON.parse(yield* one.socket.next)
        expect(exit).toMatchObject({ _tag: "Exit", requestId: 1, exit: { cause: [{ _tag: "Interrupt" }] } })
        yield* removeDocuments(10)
        one.socket.send(request(1, "ping", {}))
        expect(JSON.parse(yield* one.socket.next)).toMatchObject({ _tag: "Exit", exit: { _tag: "Success" } })
      }),
    )

    it.effect("A subscription filters events by topic and counts as one call.", () =>
      Effect.gen(function* () {
        const connections = yield* Connections
        const one = yield* subscriber(1)
        const before = one.chunks
        const { commit } = yield* Events
        yield* commit(Effect.succeed([undefined, [{ _tag: "AgentRemoved", agentId: "nobody" }]]))
        yield* one.receive(yield* removeDocuments(1))
        expect(one.chunks).toBe(before + 1)
        expect(connections.list().at(-1)!.callsInFlight).toBe(1)
      }),
    )

    it.effect("A client that never acknowledges receives every event.", () =>
      Effect.gen(function* () {
        const one = new Subscriber(yield* connect, 1)
        one.acknowledges = false
        one.subscribe()
        yield* one.caughtUp()
        const all: Array<string> = []
        for (let i = 0; i < 100; i++) all.push(...(yield* removeDocuments(10, 1_000)))
        yield* one.receive(all)
        expect(one.removed).toEqual(all)
      }),
    )

    it.effect(
      "A client that stops acknowledging receives one window of events, and the rest after it acknowledges again.",
      () =>
        Effect.gen(function* () {
          const one = yield* subscriber(1)
          yield* one.served()
          one.acknowledges = false
          const before = one.chunks
          const all: Array<string> = []
          for (let i = 0; i < 200; i++) all.push(...(yield* removeDocuments(1, 1_000)))
          yield* one.served()
          // The window holds 64 KiB. Other calls are answered meanwhile.
          yield* one.served()
          expect(one.removed.length).toBeGreaterThan(50)
          expect(one.removed.length).toBeLessThan(70)
          one.acknowledges = true
          one.acknowledge(one.chunks - before)
          yield* one.receive(all)
          expect(one.removed).toEqual(all)
          expect(one.joins).toBe(1)
        }),
    )

    it.effect("A client that falls behind the buffer joins again without a gap.", () =>
      Effect.gen(function* () {
        const one = yield* subscriber(1)
        yield* one.served()
        one.acknowledges = false
        const before = one.chunks
        const all: Array<string> = []
        for (let i = 0; i < 100; i++) all.push(...(yield* removeDocuments(100, 100)))
        yield* one.served()
        expect(one.removed.length).toBeLessThan(1_000)
        one.acknowledges = true
        one.acknowledge(one.chunks - before)
        yield* one.receive(all)
        expect(one.removed).toEqual(all)
        expect(one.joins).toBe(2)
      }),
    )
  })

  const outboxBytes = 262_144
  it.layer(TestGateway.layer({ limits: { outboxBytes } }), { excludeTestServices: true })((it) => {
    it.effect.each([true, false])(
      "A client that does not read stays within the outbox limit, delays no other client and misses no event (acknowledges: %s).",
      (acknowledges) =>
        Effect.gen(function* () {
          const connections = yield* Connections
          const slow = new Subscriber(yield* connect, 1)
          slow.acknowledges = acknowledges
          slow.subscribe()
          yield* slow.caughtUp()
          const { id } = connections.list().at(-1)!
          const quick = yield* subscriber(2)
          slow.socket.stopReading()
          const all: Array<string> = []
          let most = 0
          for (let i = 0; i < 200; i++) {
            all.push(...(yield* removeDocuments(1, 100_000)))
            yield* quick.receive(all)
            most = Math.max(most, connections.list().find((connection) => connection.id === id)!.outboxBytes)
          }
          expect(most).toBeLessThan(outboxBytes)
          slow.socket.goOnReading()
          yield* slow.receive(all)
          expect(slow.removed).toEqual(all)
        }),
    )
  })
})

describe("EventItem", () => {
  const encode = Schema.encodeSync(Schema.toCodecJson(EventItem))

  it.prop("An event is the same JSON as its schema encodes.", [EventItem], ([item]) => {
    expect(JSON.parse(JSON.stringify(item))).toEqual(JSON.parse(JSON.stringify(encode(item))))
  })
})
