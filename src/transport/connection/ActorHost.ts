/** ActorHost: state and callbacks that all connections of a gateway share. ConnectionSupervisor.ts makes it. */
import type * as Clock from "effect/Clock"
import type * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { Position } from "../../domain/Event.ts"
import type { Limits } from "../../domain/Limits.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { Authenticator } from "../../services/auth/Authenticator.ts"
import type { Connections } from "../../services/connections/Connections.ts"
import type { CloseCode } from "./CloseCodes.ts"
import type { Usage } from "./PrincipalUsage.ts"
import type { LoopBatch } from "./LoopBatch.ts"

export interface ActorHost<Actor> {
  readonly limits: Limits
  readonly clock: Clock.Clock
  readonly batch: LoopBatch
  readonly connections: Connections["Service"]
  readonly authenticator: Authenticator["Service"]
  readonly usageOf: (principal: Principal) => Usage
  /** Returns the newest event position. */
  readonly head: () => Position
  readonly stopping: () => boolean
  readonly fork: (life: Effect.Effect<void>) => Fiber.Fiber<void>
  /** Called once: the client has authenticated, or has left without. */
  readonly onSettled: (actor: Actor) => void
  /** Called once for each connection that the gateway closes. */
  readonly onClosed: (close: CloseCode) => void
  /** Called when the gateway closes a client that has not authenticated. */
  readonly onRefused: (actor: Actor, reason: string) => void
  /** Called once: the socket is gone. */
  readonly onGone: (actor: Actor) => void
}
