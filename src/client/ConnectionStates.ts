/**
 * ConnectionStates: the state of a client's connection and its changes. ClientConnection sets it, GatewayClient publishes
 * it. The OpenClaw client uses the class for states of its own. A SubscriptionRef would do the same, but its PubSub is a
 * twentieth of the code that a browser loads.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

/**
 * Between two attempts. `reason`: why the last connection ended, for people. `code`: why it could not be opened, e.g.
 * `ECONNREFUSED`, `CERT_HAS_EXPIRED` or `Unexpected server response: 502`. Browsers have no `code`.
 */
export interface Waiting {
  readonly _tag: "Waiting"
  readonly attempt: number
  readonly retryInMs: number
  readonly reason: string
  readonly code?: string
}

/** The state of a client's connection. `attempt` counts from 0. */
export type ConnectionState =
  | { readonly _tag: "Connecting"; readonly attempt: number }
  | { readonly _tag: "Connected" }
  | Waiting
  /** The gateway refused the token. The client does not try again. */
  | { readonly _tag: "Refused"; readonly reason: string }

export class ConnectionStates<State = ConnectionState> {
  #current: State
  readonly #listeners = new Set<(state: State) => void>()

  constructor(initial: State) {
    this.#current = initial
  }

  /** The state now. */
  get current(): State {
    return this.#current
  }

  /** Emits the state now, then every change. A slow listener misses the oldest of more than 16 waiting changes. */
  readonly changes: Stream.Stream<State> = Stream.callback(
    (queue) =>
      Effect.acquireRelease(
        Effect.sync(() => {
          const listener = (state: State) => void Queue.offerUnsafe(queue, state)
          listener(this.#current)
          this.#listeners.add(listener)
          return listener
        }),
        (listener) => Effect.sync(() => this.#listeners.delete(listener)),
      ),
    { bufferSize: 16, strategy: "sliding" },
  )

  /** Returns the first state that `is` accepts, now or later. */
  first(is: (state: State) => boolean): Effect.Effect<State> {
    return Effect.suspend(() =>
      is(this.#current)
        ? Effect.succeed(this.#current)
        : Effect.map(
            Stream.runHead(Stream.filter(this.changes, is)),
            // `changes` never ends.
            (head) => head.valueOrUndefined ?? this.#current,
          ),
    )
  }

  set(state: State): void {
    this.#current = state
    for (const listener of this.#listeners) listener(state)
  }
}
