/**
 * Peer: one client as its wire sees it, split by role so that each module names the role that it needs. ConnectionPeer.ts
 * implements all roles for a WebSocket, and HttpPeer.ts those of calls for an HTTP request.
 */
import type * as Effect from "effect/Effect"
import type { ClientProfile } from "../../domain/Connection.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { Unauthenticated } from "../../domain/Refusal.ts"
import type { Credentials, NetworkOrigin, SignIn, SignInError } from "../../services/auth/Authenticator.ts"
import type { Secret } from "../../services/auth/Secret.ts"
import type { CloseCode } from "./CloseCodes.ts"
import type { Merge } from "./Outbox.ts"
import type { Usage } from "./PrincipalUsage.ts"

/** Where a connection or an HTTP request comes from. */
export interface ConnectionOrigin extends NetworkOrigin {
  /** False for a page whose origin the gateway does not allow. Such a page never authenticates. */
  readonly originAllowed: boolean
}

export interface PeerIdentity {
  /** Unique over all wires and the life of the process. */
  readonly clientId: number
  /** The connection's id as clients see it, e.g. `c42`. */
  readonly id: string
  readonly origin: ConnectionOrigin
  readonly dialect: string
}

export interface ConnectionAuth {
  /** `undefined` until the client has authenticated. */
  readonly principal: Principal | undefined
  /** The usage of the principal over all its connections. `undefined` until the client has authenticated. */
  readonly usage: Usage | undefined
  /** Checks the token. On success the connection acts as its principal and gets the limits of authenticated clients. */
  authenticate(token: Secret | undefined, client?: string): Effect.Effect<Principal, Unauthenticated>
  /** Like `authenticate`, with all the credentials that a handshake carries. */
  handshake(credentials: Credentials, client?: string, profile?: ClientProfile): Effect.Effect<SignIn, SignInError>
}

/** Sending never waits: a frame that exceeds the bound of the outbox closes the connection. */
export interface Sender {
  /** `seq`: first event position in the frame. A client that missed the frame resumes before it. */
  send(text: string, seq?: number): void
}

/** Sends events, which may share bytes and replace or join each other while they wait. */
export interface EventSender {
  /** The socket has not taken the bytes written before, so frames that are sent now wait in the outbox. */
  readonly isBackpressured: boolean
  /** Sends whole frames that are encoded once for many connections. `seq`: as for `send`. */
  sendShared(frames: Buffer, count: number, seq?: number): void
  /** Like `sendShared`, but may write at once. For all frames of a moment together, because each call may be a write. */
  sendLive(frames: Buffer, count: number, seq?: number): void
  /** Replaces the waiting frame under the key. */
  sendLatest(key: string, text: string, seq?: number): void
  /** Merges with the waiting value under the key. */
  sendAppended<A>(key: string, value: A, by: Merge<A>, seq?: number): void
}

/** Paces the client: how fast it may call, and when it reads too slowly. */
export interface Backpressure {
  /** Takes one of the connection's messages per second. Returns 0, or the milliseconds until the next one is free. */
  takeToken(): number
  /** Waits while much is pending for the client. Streams wait here before they send. */
  awaitWritable(): Effect.Effect<void>
  /**
   * Returns the wait before the client's next call starts, or `undefined` if the client keeps up. A client that reads
   * nothing during two heartbeats is closed as a slow consumer. Answers use `untilDrained`.
   */
  awaitDrain(): Effect.Effect<void> | undefined
}

export interface Closer {
  /** The connection ends: no more frames are accepted or handled. */
  readonly isClosing: boolean
  close(close: CloseCode, detail?: string): void
}

/** The roles that a client's calls need. */
export interface CallPeer extends PeerIdentity, ConnectionAuth, Sender, Backpressure, Closer {
  /** The gateway is stopping, so the client should reconnect later. */
  readonly stopping: boolean
}

/** The client of a WebSocket. */
export interface Peer extends CallPeer, EventSender {
  /** Lists the connection under this dialect from now on, for paths where the first frame decides. */
  setDialect(dialect: string): void
  /** Overtakes everything that waits. For pongs and heartbeats, as a whole frame. */
  sendUrgent(frame: Buffer): void
}
