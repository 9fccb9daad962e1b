/** Nodes of one gateway, joined by a bus in memory. Each has a database of its own. The tests of the bus use them. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { GatewayConfig } from "../../src/domain/GatewayConfig.ts"
import { Connections } from "../../src/services/connections/Connections.ts"
import { Events } from "../../src/services/events/Events.ts"
import * as Database from "../../src/services/storage/Database.ts"
import { type BusMessage, type BusTag, EventBus } from "../../src/services/storage/EventBus.ts"
import { authLayer } from "./Authentication.ts"

interface Receiver {
  readonly node: string
  readonly tag: BusTag
  receive(message: BusMessage, from: string): void
}

/** A bus in memory that delivers at once. Each node has a layer of its own. */
export const memoryBus = () => {
  const receivers = new Set<Receiver>()
  const publish = (message: BusMessage, from: string) => {
    for (const receiver of receivers) {
      if (receiver.node !== from && receiver.tag === message._tag) receiver.receive(message, from)
    }
  }
  const layerOf = (node: string) =>
    Layer.succeed(EventBus, {
      publish: (message) => publish(message, node),
      subscribe: (tag, receive) => {
        const receiver: Receiver = { node, tag, receive: (message, from) => receive(message as never, from) }
        return Effect.asVoid(
          Effect.acquireRelease(
            Effect.sync(() => receivers.add(receiver)),
            () => Effect.sync(() => receivers.delete(receiver)),
          ),
        )
      },
    })
  return { layerOf, publish }
}

const services = (bus: Layer.Layer<EventBus>) =>
  Layer.mergeAll(authLayer, Connections.layer).pipe(
    Layer.provideMerge(Events.layer),
    Layer.provide(bus),
    Layer.provide(Database.layerMemory),
    Layer.provide(GatewayConfig.layer({ token: "the-token", password: "the-password" })),
    Layer.provide(Logger.layer([])),
    Layer.orDie,
  )

/** Starts a node, and returns the function that runs an effect on it. */
export const startNode = (bus: Layer.Layer<EventBus>) =>
  Effect.map(
    Layer.build(Layer.fresh(services(bus))),
    (context) =>
      <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        Effect.provide(effect, context),
  )
