import { expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
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
  const peer = {
    isBackpressured: false,
    awaitWritable: () => Effect.void,
    sendShared: (frames: Buffer) => {
      for (let at = 0; at < frames.length; at = frameEnd(frames, at)) {
        received.push(frames.toString("utf8", payloadAt(frames, at), frameEnd(frames, at)))
      }
    },
  }
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

it.effect("Subscriptions: a connection that ends during an unsubscription leaves the group.", () =>
  Effect.gen(function* () {
    const gate = yield* Deferred.make<void>()
    const members = new Set<string>()
    const fanout: Fanout.Fanout<string> = {
      allPublished: Effect.void,
      subscribe: (sink, view, filter, from) => {
        const enter = () => {
          members.add(view)
          return { id: view, group: { view, filter } as Group<string>, subscriber: { seq: 0 } as Subscriber }
        }
        const leave = () => members.delete(view)
        // As a query of the database, which ends before its fiber does.
        const catchUp = () => Effect.uninterruptible(Deferred.await(gate))
        return new Subscription(
          { epoch: "e", publishedSeq: () => 0, enter, leave, catchUp },
          sink,
          view,
          filter,
          from,
          0,
        )
      },
    }
    const subscriptions = new Subscriptions({ fanout, peer: client().peer }, yield* Effect.scope, () => Effect.void)
    yield* subscriptions.subscribe("k", "view", { topics: ["logs"] }, undefined)
    const connection = yield* Effect.forkChild(subscriptions.unsubscribe("k"), { startImmediately: true })
    expect([...members]).toEqual(["view"])
    yield* Fiber.interrupt(connection)
    yield* Deferred.succeed(gate, undefined)
    subscriptions.release()
    expect([...members]).toEqual([])
  }).pipe(Effect.scoped),
)
