/**
 * EventBus: carries messages that no row holds to the other nodes of a gateway: live events, present clients, devices that
 * wait, and failed sign-ins. The nodes share a database, so each layer of Database.ts brings its bus. Events, Connections,
 * Pairings and Authenticator apply a change on their own node first and publish it then.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type { PresenceEntry } from "../../domain/Connection.ts"
import type { PairingRequest } from "../../domain/Device.ts"
import type { LiveEvent } from "../../domain/Event.ts"
import type { CredentialKind } from "../../domain/Refusal.ts"

/** Each node has its own list of presence, log, fleet and notice of its stop, so these events stay on it. */
const ownTags = [
  "GatewayStopping",
  "LogAdded",
  "PresenceChanged",
  "CardChanged",
  "CardRemoved",
  "TaskStarted",
  "TaskProgressed",
  "FleetUpdated",
  "UpstreamChanged",
] as const

export type SharedEvent = Exclude<LiveEvent, { readonly _tag: (typeof ownTags)[number] }>

const own: ReadonlySet<string> = new Set(ownTags)

export const isShared = (event: LiveEvent): event is SharedEvent => !own.has(event._tag)

/** The messages by tag. */
export interface BusMessages {
  readonly Live: { readonly event: SharedEvent }
  /** All present clients of the sender. A bus sends an empty list on behalf of a node that is gone. */
  readonly Present: { readonly clients: ReadonlyArray<PresenceEntry> }
  readonly PairingWaits: { readonly request: PairingRequest }
  readonly PairingEnded: { readonly request: PairingRequest }
  readonly AuthFailed: { readonly kind: CredentialKind; readonly address: string }
  /** The failures of the address no longer count. */
  readonly AuthSucceeded: { readonly kind: CredentialKind; readonly address: string }
}
export type BusTag = keyof BusMessages
export type BusMessage = { readonly [Tag in BusTag]: { readonly _tag: Tag } & BusMessages[Tag] }[BusTag]

export class EventBus extends Context.Service<
  EventBus,
  {
    /** Sends a message to all other nodes, in order. A node that is disconnected misses it. */
    readonly publish: (message: BusMessage) => void
    /** Calls the receiver for each message with the tag from another node, until the scope closes. `from`: that node. */
    subscribe<Tag extends BusTag>(
      tag: Tag,
      receive: (message: BusMessages[Tag], from: string) => void,
    ): Effect.Effect<void, never, Scope.Scope>
  }
>()("causeway/services/storage/EventBus") {
  /** The bus of a gateway that has one node. */
  static readonly layerLocal: Layer.Layer<EventBus> = Layer.succeed(EventBus, {
    publish: () => {},
    subscribe: () => Effect.void,
  })
}
