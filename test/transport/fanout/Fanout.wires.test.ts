/** Fanout: subscribers that are spread over all wires share one encoding for each wire and view. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { Events } from "../../../src/services/events/Events.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import type { EventEncoding } from "../../../src/transport/dialect/Dialect.ts"
import { Contract } from "../../../src/transport/dialect/Query.ts"
import * as Fanout from "../../../src/transport/fanout/Fanout.ts"
import type { Sink } from "../../../src/transport/fanout/Subscriber.ts"
import { jsonRpc } from "../../../src/transport/json-rpc/JsonRpc.ts"
import { missionControl } from "../../../src/transport/mission-control/MissionControl.ts"
import { interestsOf } from "../../../src/transport/openclaw/events/Interests.ts"
import { openClaw } from "../../../src/transport/openclaw/OpenClaw.ts"
import { rpcEncoding } from "../../../src/transport/rpc/RpcWire.ts"
import { contractItems, sseEncoding } from "../../../src/transport/sse/SseEncoding.ts"
import { until } from "../../support/Ticks.ts"

const layer = Events.layer.pipe(Layer.provide(Database.layerMemory), Layer.provideMerge(GatewayConfig.layer({})))

const noContract = Contract.calling(() => Effect.die("these events call nothing"))

const SUBSCRIBERS = 1_000
const EVENTS = 20

const filter = { topics: ["chat", "logs"] } as const

/** A wire with its views. It counts the encodings, and the Buffers that its subscribers receive. */
const follow = Effect.fnUntraced(function* <V>(encoding: EventEncoding<V>, views: ReadonlyArray<V>, count: number) {
  let encodings = 0
  const counted: EventEncoding<V> = {
    ...encoding,
    event: (view, item, json, epoch) => {
      if (item._tag === "Event") encodings++
      return encoding.event(view, item, json, epoch)
    },
  }
  const fanout = yield* Fanout.make(counted, noContract, 0)
  const buffers = new Set<Buffer>()
  let deliveries = 0
  const send = (bytes: Buffer) => {
    deliveries++
    buffers.add(bytes)
  }
  const sink: Sink = {
    isBackpressured: false,
    awaitWritable: () => Effect.void,
    sendShared: send,
    sendLive: send,
    sendLatest: () => {},
    sendAppended: () => {},
  }
  for (let n = 0; n < count; n++) {
    const subscription = fanout.subscribe(sink, views[n % views.length]!, filter, undefined)
    subscription.enter()
    yield* subscription.caughtUp
  }
  buffers.clear()
  deliveries = 0
  return {
    name: encoding.name,
    views: views.length,
    subscribers: count,
    encodings: () => encodings,
    buffers: () => buffers.size,
    deliveries: () => deliveries,
    published: fanout.allPublished,
  }
})

it.live("Fanout: a thousand subscribers on all wires get each event from one encoding for each wire and view.", () =>
  Effect.gen(function* () {
    const events = yield* Events
    const { attachments, limits, openclaw } = yield* GatewayConfig
    const client = { protocol: 4, clientId: "cli", caps: [], readsParams: false, mayRead: true }
    const interests = { ...interestsOf(client), sessions: true }
    const plain = { interests, hasPositions: false }
    const views = [plain, { ...plain, hasPositions: true }]
    const streams = (["text/event-stream", "application/x-ndjson"] as const).map((type) => ({
      type,
      form: contractItems,
    }))
    const count = SUBSCRIBERS / 5
    const wires = [
      yield* follow(rpcEncoding, ["1", "2", "3"], count),
      yield* follow(jsonRpc, ["s1", "s2"], count),
      yield* follow(missionControl, [["logs"], ["sessions", "logs"]], count),
      yield* follow(openClaw({ ...openclaw, attachments, limits }), views, count),
      yield* follow(sseEncoding, streams, count),
    ]
    const sessionKey = "agent:main:main"
    for (let id = 1; id <= EVENTS; id++) {
      const message = { id, sessionKey, runId: null, role: "user", text: "hi", at: 0 } as const
      yield* events.commit(Effect.succeed([undefined, [{ _tag: "MessageAdded", sessionKey, message }]]))
      events.publishLive({
        _tag: "LogAdded",
        entry: { id, at: 0, level: "info", source: "test", message: "hi" },
      })
    }
    yield* until(() => wires.every(({ encodings, views }) => encodings() >= 2 * EVENTS * views))
    for (const { published } of wires) yield* published
    for (const wire of wires) {
      expect([wire.name, wire.encodings()]).toEqual([wire.name, 2 * EVENTS * wire.views])
      // Each subscriber got every Buffer of its view, and no other subscriber's copy.
      expect([wire.name, wire.buffers() * wire.subscribers]).toEqual([wire.name, wire.deliveries() * wire.views])
      expect(wire.deliveries()).toBeGreaterThanOrEqual(EVENTS * wire.subscribers)
    }
  }).pipe(Effect.scoped, Effect.provide(layer)),
)
