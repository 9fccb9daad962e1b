/**
 * Wire: the interface between a connection and the protocol that it speaks. A wire decodes and encodes frames. The
 * connection owns the socket, the queues, the deadlines and the limits. WireRegistry.ts mounts wires at paths.
 */
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { CloseCode } from "./CloseCodes.ts"
import type { Peer } from "./Peer.ts"
import type { Unfinished } from "./Unfinished.ts"

/** A connection calls its wire through these. */
export interface FrameHandler {
  /** Handles the text frames that arrived since the last call, in order. The next frames wait until it has finished. */
  onFrames(frames: ReadonlyArray<string>): Unfinished
  /** Called once the connection has ended and `onFrames` with it. Resources in the connection's scope close afterwards. */
  onClose?(): Effect.Effect<void>
  callsInFlight(): number
  /** The event position up to which the client has all that it subscribed to, as far as the wire has sent it. */
  sentSeq(): number | undefined
}

/**
 * Writes the number `n` and the following ones into the event frames between the offsets, as they leave for one
 * connection. Returns the next number. The frames keep their length.
 */
export type Stamp = (target: Buffer, start: number, end: number, n: number) => number

/** Properties that a wire has before its first frame and after its last. */
export interface WireTraits {
  /** Every client authenticates by a handshake, whatever its HTTP request carries. A foreign page learns of its refusal. */
  readonly handshake?: boolean
  /** The gateway sends the first frame. */
  readonly greets?: boolean
  /** Binary frames are accepted and decoded as text. */
  readonly binary?: boolean
  /** Replacements for close codes that this wire's clients know by another code or reason. */
  readonly closes?: ReadonlyMap<CloseCode, CloseCode>
  /** Numbers the event frames of each connection. Without it, frames leave as they are encoded. */
  readonly stamp?: Stamp
}

export interface Wire extends WireTraits {
  /** Name in the list of connections, e.g. `rpc`. */
  readonly dialect: string
  /** Starts the conversation in the connection's scope. */
  open(peer: Peer): Effect.Effect<FrameHandler, never, Scope.Scope>
}
