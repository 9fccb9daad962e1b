/**
 * PreAuthLimits: the limits of a connection until its client has authenticated, on frames and on time. Each ConnectionPeer
 * has one and drops it at authentication.
 */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type * as Scope from "effect/Scope"
import type { Limits } from "../../domain/Limits.ts"
import { Unauthenticated } from "../../domain/Refusal.ts"

export class PreAuthLimits {
  readonly #limits: Limits
  #frames = 0
  #deadline: Fiber.Fiber<void> | undefined = undefined
  /** The Authenticator has logged the refusal, because the client presented a wrong credential. */
  isLogged = false

  constructor(limits: Limits) {
    this.#limits = limits
  }

  /** Calls `expire` after the option `handshakeTimeoutMs`. */
  start(expire: () => void, scope: Scope.Scope): Effect.Effect<void> {
    const late = Effect.delay(Effect.sync(expire), this.#limits.handshakeTimeoutMs)
    return Effect.map(Effect.forkIn(late, scope), (deadline) => {
      this.#deadline = deadline
    })
  }

  /** Ends the deadline, because the client has authenticated. */
  end(): void {
    this.#deadline?.interruptUnsafe()
  }

  /** Counts a frame. Returns false above the option `preAuthFrames`. */
  takeFrame(): boolean {
    return ++this.#frames <= this.#limits.preAuthFrames
  }

  get hasSpoken(): boolean {
    return this.#frames > 0
  }

  /** Remembers whether the Authenticator has logged the failed attempt. */
  readonly failed = (error: unknown): Effect.Effect<void> =>
    Effect.sync(() => {
      this.isLogged = error instanceof Unauthenticated && error.reason === "invalid"
    })
}
