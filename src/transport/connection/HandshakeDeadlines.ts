/**
 * HandshakeDeadlines: ends clients that have not authenticated in time. All have the same time, so one fiber waits for the
 * oldest of them, instead of a fiber and a timer for each. ConnectionSupervisor.ts has one.
 */
import type * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import { monotonicMs } from "../../domain/MonotonicTime.ts"

export class HandshakeDeadlines<Client> {
  readonly #timeoutMs: number
  readonly #clock: Clock.Clock
  readonly #expire: (client: Client) => void
  /** The clients with their deadlines on the monotonic clock, oldest first. */
  readonly #waiting = new Map<Client, number>()
  readonly #arrived: Queue.Queue<void>

  private constructor(
    timeoutMs: number,
    clock: Clock.Clock,
    expire: (client: Client) => void,
    arrived: Queue.Queue<void>,
  ) {
    this.#timeoutMs = timeoutMs
    this.#clock = clock
    this.#expire = expire
    this.#arrived = arrived
  }

  /** Calls `expire` for each client that has waited for `timeoutMs`, until the scope closes. */
  static readonly make = Effect.fnUntraced(function* <Client>(
    timeoutMs: number,
    clock: Clock.Clock,
    expire: (client: Client) => void,
  ) {
    const deadlines = new HandshakeDeadlines(timeoutMs, clock, expire, yield* Queue.sliding<void>(1))
    yield* Effect.forkScoped(Effect.forever(Effect.suspend(() => deadlines.#next())))
    return deadlines
  })

  /** The client has to authenticate from now on. */
  add(client: Client): void {
    if (this.#waiting.size === 0) Queue.offerUnsafe(this.#arrived, undefined)
    this.#waiting.set(client, monotonicMs(this.#clock) + this.#timeoutMs)
  }

  /** The client has authenticated, or has left. */
  delete(client: Client): void {
    this.#waiting.delete(client)
  }

  /** Ends the clients whose time is over. Returns the wait for the next one. */
  #next(): Effect.Effect<void> {
    const now = monotonicMs(this.#clock)
    for (const [client, deadline] of this.#waiting) {
      if (deadline > now) return Effect.sleep(deadline - now)
      this.#waiting.delete(client)
      this.#expire(client)
    }
    return Queue.take(this.#arrived)
  }
}
