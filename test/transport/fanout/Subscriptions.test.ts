import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import type { Position } from "../../../src/domain/Event.ts"
import type { LogEntry } from "../../../src/domain/Log.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import { Events } from "../../../src/services/events/Events.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import type { Peer } from "../../../src/transport/connection/Peer.ts"
import { frameEnd, payloadAt } from "../../../src/transport/connection/WebSocketFrames.ts"
import type { EventEncoding } from "../../../src/transport/dialect/Dialect.ts"
import { Contract } from "../../../src/transport/dialect/Query.ts"
import * as Fanout from "../../../src/transport/fanout/Fanout.ts"
import type { Subscriber } from "../../../src/transport/fanout/Subscriber.ts"
import type { Group } from "../../../src/transport/fanout/SubscriberGroups.ts"
import { Subscription } from "../../../src/transport/fanout/Subscription.ts"
import { tick, until } from "../../support/Ticks.ts"
import { Subscriptions } from "../../../src/transport/fanout/Subscriptions.ts"

const layer = Events.layer.pipe(Layer.provide(Database.layerMemory), Layer.provide(GatewayConfig.layer({})))

/** Encodes log entries as their messages. */
const encoding: EventEncoding<string> = {
  name: "test",
  viewKey: (view) => view,
  event: (_view, item) =>
    Effect.succeed(
      item._tag === "Event" && item.event._tag === "LogAdded"
        ? [{ policy: "must", text: item.event.entry.message }]
        : [],
    ),
}

const noContract = Contract.calling(() => Effect.die("events of this encoding call nothing"))

/** A client that takes everything, and the texts of its frames. */
const client = () => {
  const received: Array<string> = []
  const send = (frames: Buffer) => {
    for (let at = 0; at < frames.length; at = frameEnd(frames, at)) {
      received.push(frames.toString("utf8", payloadAt(frames, at), frameEnd(frames, at)))
    }
  }
  const peer = { isBackpressured: false, awaitWritable: () => Effect.void, sendShared: send, sendLive: send }
  return { received, peer: peer as Partial<Peer> as Peer }
}

const entry = (message: string): LogEntry => ({ id: 1, at: 0, level: "info", source: "test", message })

it.live("Subscriptions: a subscription has every live event since the call, also those that already wait.", () =>
  Effect.gen(function* () {
    const events = yield* Events
    const fanout = yield* Fanout.make(encoding, noContract, 0)
    const { peer, received } = client()
    const subscriptions = new Subscriptions({ fanout, peer }, yield* Effect.scope, () => Effect.void)
    const log = (message: string) => events.publishLive({ _tag: "LogAdded", entry: entry(message) })
    log("before")
    yield* until(() => events.head().seq > 0)
    log("waits")
    yield* subscriptions.subscribe("k", "view", { topics: ["logs"] }, undefined)
    log("after")
    yield* tick
    yield* fanout.allPublished
    expect(received).toEqual(["waits", "after"])
  }).pipe(Effect.scoped, Effect.provide(layer)),
)

/** Subscriptions whose first one catches up until `opened`. `members` are the views that have entered and not left. */
const slowSubscriptions = Effect.gen(function* () {
  const gate = yield* Deferred.make<void>()
  const members = new Set<string>()
  const starts: Array<Position | undefined> = []
  const fanout: Fanout.Fanout<string> = {
    allPublished: Effect.void,
    subscribe: (sink, view, filter, from) => {
      starts.push(from)
      const enter = () => {
        members.add(view)
        return { id: view, group: { view, filter } as Group<string>, subscriber: { seq: starts.length } as Subscriber }
      }
      const leave = () => members.delete(view)
      // As a query of the database, which ends before its fiber does.
      const catchUp = () => Effect.uninterruptible(Deferred.await(gate))
      return new Subscription({ epoch: "e", publishedSeq: () => 0, enter, leave, catchUp }, sink, view, filter, from, 0)
    },
  }
  const subscriptions = new Subscriptions({ fanout, peer: client().peer }, yield* Effect.scope, () => Effect.void)
  const subscribe = (view: string) => subscriptions.subscribe("k", view, { topics: ["logs"] }, undefined)
  yield* subscribe("first")
  return { subscriptions, subscribe, members, starts, opened: Deferred.succeed(gate, undefined) }
})

it.effect("Subscriptions: a connection that ends during an unsubscription leaves the group.", () =>
  Effect.gen(function* () {
    const { members, opened, subscriptions } = yield* slowSubscriptions
    const connection = yield* Effect.forkChild(subscriptions.unsubscribe("k"), { startImmediately: true })
    expect([...members]).toEqual(["first"])
    yield* Fiber.interrupt(connection)
    yield* opened
    subscriptions.release()
    expect([...members]).toEqual([])
  }).pipe(Effect.scoped),
)

it.effect("Subscriptions: the last of two calls for the same key wins, and goes on where the other one stood.", () =>
  Effect.gen(function* () {
    const { members, opened, starts, subscribe, subscriptions } = yield* slowSubscriptions
    const second = yield* Effect.forkChild(subscribe("second"), { startImmediately: true })
    const third = yield* Effect.forkChild(subscribe("third"), { startImmediately: true })
    expect([...members]).toEqual(["first"])
    yield* opened
    yield* Fiber.join(second)
    yield* Fiber.join(third)
    expect([...members]).toEqual(["third"])
    expect(starts).toEqual([undefined, { epoch: "e", seq: 1 }, { epoch: "e", seq: 2 }])
    expect(yield* subscriptions.unsubscribe("k")).toBe(true)
    expect([...members]).toEqual([])
    expect(subscriptions.size).toBe(0)
  }).pipe(Effect.scoped),
)
