/**
 * ConnectionStates: how a connection stands, for who asks and for who wants to hear of every change. It knows no
 * connection. (A SubscriptionRef would do; it brings a PubSub along, which is a twentieth of what a browser loads.)
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

export type ConnectionState =
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Connected" }
  /**
   * Between two attempts. `reason`: why the last connection ended. `code`: why it could not be opened, if the platform
   * says it: `ECONNREFUSED`, `CERT_HAS_EXPIRED`, `Unexpected server response: 502`. Browsers never say it.
   */
  | {
      readonly _tag: "Waiting"
      readonly attempt: number
      readonly retryInMs: number
      readonly reason: string
      readonly code?: string
    }
  /** The gateway refused the token: there is no point in trying again. */
  | { readonly _tag: "Refused"; readonly reason: string }

export class ConnectionStates {
  #current: ConnectionState = { _tag: "Connecting", attempt: 0 }
  readonly #listeners = new Set<(state: ConnectionState) => void>()

  /** How it stands now. */
  get current(): ConnectionState {
    return this.#current
  }

  /** How it stands now, then every change; of those that a slow listener misses, the oldest. */
  readonly changes: Stream.Stream<ConnectionState> = Stream.callback(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listener = (state: ConnectionState) => void Queue.offerUnsafe(queue, state)
          listener(this.#current)
          this.#listeners.add(listener)
          return listener
        }),
        (listener) => Effect.sync(() => this.#listeners.delete(listener)),
      ),
    { bufferSize: 16, strategy: "sliding" },
  )

  set(state: ConnectionState): void {
    this.#current = state
    for (const listener of this.#listeners) listener(state)
  }
}
