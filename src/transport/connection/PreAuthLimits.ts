/**
 * PreAuthLimits: the limit of frames until a client has authenticated, and whether its refusal is in the log. Each
 * ConnectionPeer has one and drops it at authentication. HandshakeDeadlines.ts has the limit of time.
 */
import * as Effect from "effect/Effect"
import type { Limits } from "../../domain/Limits.ts"
import { Unauthenticated } from "../../domain/Refusal.ts"

export class PreAuthLimits {
  readonly #limits: Limits
  #frames = 0
  /** The Authenticator has logged the refusal, because the client presented a wrong credential. */
  isLogged = false

  constructor(limits: Limits) {
    this.#limits = limits
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
