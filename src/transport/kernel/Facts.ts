/**
 * Facts: what a conversation may read of its connection. Each connection has one, so it refers to the connection and to the
 * gateway instead of copying from them. DialectServer.ts makes it.
 */
import type { CallPeer } from "../connection/Peer.ts"
import type { ConnectionFacts, SubscriptionCount } from "../dialect/Dialect.ts"

/** The facts that all connections share. */
export type GatewayFacts = Pick<ConnectionFacts, "now" | "head" | "resumeError" | "present">

export class Facts implements ConnectionFacts {
  readonly pushes: boolean
  readonly subscriptions: SubscriptionCount
  readonly #gateway: GatewayFacts
  readonly #peer: CallPeer

  constructor(gateway: GatewayFacts, peer: CallPeer, pushes: boolean, subscriptions: SubscriptionCount) {
    this.#gateway = gateway
    this.#peer = peer
    this.pushes = pushes
    this.subscriptions = subscriptions
  }

  get connectionId() {
    return this.#peer.id
  }

  get origin() {
    return this.#peer.origin
  }

  get stopping() {
    return this.#peer.stopping
  }

  get now() {
    return this.#gateway.now
  }

  get head() {
    return this.#gateway.head
  }

  get resumeError() {
    return this.#gateway.resumeError
  }

  get present() {
    return this.#gateway.present
  }
}
