/**
 * Wires: the table of what is spoken at which path, and what a wire and a connection know of each other. A wire reads
 * and writes frames; sockets, queues, deadlines and limits are the connection's.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import type { ClientProfile } from "../../domain/Connection.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { Unauthenticated } from "../../domain/Refusal.ts"
import type { Admission, AdmissionError, Credentials, Source } from "../../services/auth/Authenticator.ts"
import type { CloseCode } from "./CloseCodes.ts"
import type { Merge } from "./Outbox.ts"
import type { Usage } from "./PrincipalUsage.ts"
import { normalizePath } from "./RequestTarget.ts"

/** How a client came: what its HTTP request says of it. */
export interface ConnectionOrigin extends Source {
  /** False for a page of a site that is none of the gateway's. It is let in nowhere. */
  readonly originAllowed: boolean
}

/** What a wire sees of one connection. Sending never waits: what is over the bound closes the connection. */
export interface Peer {
  /** Unique over all wires and the life of the process. */
  readonly clientId: number
  readonly id: string
  readonly arrival: ConnectionOrigin
  readonly dialect: string
  /** From now on it is listed under this dialect: for a path where the client's first frame decides. */
  setDialect(dialect: string): void
  /** Undefined until the client has proved who it is. */
  readonly principal: Principal | undefined
  /** The share of the principal, over all its connections. Undefined until there is one. */
  readonly usage: Usage | undefined
  /** Checks the token; from then on the connection acts as its principal, under the limits of those who are known. */
  authenticate(token: Redacted.Redacted<string> | undefined, client?: string): Effect.Effect<Principal, Unauthenticated>
  /** As `authenticate`, by all that a handshake carries. */
  handshake(
    credentials: Credentials,
    client?: string,
    profile?: ClientProfile,
  ): Effect.Effect<Admission, AdmissionError>
  /** Asks for one of the connection's messages per second: 0, or in how many milliseconds to try again. */
  takeToken(): number
  /** `must`: never dropped. `seq`: the first event position in it, before which a client resumes that has not got it. */
  send(text: string, seq?: number): void
  /** As `send`, for whole frames that are built once for many connections. */
  sendShared(frames: Buffer, count: number, seq?: number): void
  /** Replaces what still waits under the key. */
  sendLatest(key: string, text: string, seq?: number): void
  /** Joins what still waits under the key. */
  sendAppended<A>(key: string, value: A, by: Merge<A>, seq?: number): void
  /** Overtakes everything that waits: pongs, heartbeats. A whole frame. */
  sendUrgent(frame: Buffer): void
  /** The gateway is going down: who comes now is to come back. */
  readonly stopping: boolean
  /** The socket has not taken what was written before: what is sent now waits in the outbox. */
  readonly isBackpressured: boolean
  /** Waits while the client is behind. For streams, before they send. */
  awaitWritable(): Effect.Effect<void>
  /**
   * What to wait for before a call of the client is begun: that it takes the answers that it has asked for. Undefined: it
   * keeps up. One that takes none is closed in the end.
   */
  awaitDrain(): Effect.Effect<void> | undefined
  close(close: CloseCode, detail?: string): void
}

/** What a connection sees of its wire. */
export interface FrameHandler {
  /** The text frames that came since the last time, in order; the next ones wait until it is done. */
  onFrames(frames: ReadonlyArray<string>): Effect.Effect<void>
  /** The connection has ended, and `onFrames` with it. What a wire acquired in the scope is released after it. */
  onClose?(): Effect.Effect<void>
  callsInFlight(): number
  /** The position that the client has of all that it follows, as far as the wire has sent it. */
  sentSeq(): number | undefined
}

/** In what a wire differs from others before its first frame and after its last. */
export interface WireTraits {
  /** It asks everybody who they are, whatever the HTTP request says, and tells a foreign page that it is not let in. */
  readonly handshake?: boolean
  /** Binary frames are read as text. */
  readonly binary?: boolean
  /** Closes that its clients know by another code or reason. */
  readonly closes?: ReadonlyMap<CloseCode, CloseCode>
  /** Where in each frame that tells an event the number of the frame stands, see Frames.ts. Left out: there is none. */
  readonly numberAt?: number
}

export interface Wire extends WireTraits {
  /** As it stands in the list of connections: `rpc`, ... */
  readonly dialect: string
  /** Begins the conversation, in the connection's scope. */
  open(peer: Peer): Effect.Effect<FrameHandler, never, Scope.Scope>
}

export class WireRegistry extends Context.Service<
  WireRegistry,
  {
    /** Mounts the wire at the path, with or without a slash at its end, until the scope closes. */
    mount(path: string, wire: Wire): Effect.Effect<void, never, Scope.Scope>
    /** Spoken wherever nothing else is, until the scope closes. */
    mountFallback(wire: Wire): Effect.Effect<void, never, Scope.Scope>
    /** `path`: as `pathOf` of RequestTarget.ts returns it. */
    readonly at: (path: string) => Wire | undefined
    /** Whether a wire is mounted at the path itself. */
    readonly isMounted: (path: string) => boolean
  }
>()("causeway/transport/connection/WireRegistry") {
  static readonly layer: Layer.Layer<WireRegistry> = Layer.sync(WireRegistry, () => {
    const table = new Map<string, Wire>()
    const mount = (path: string, wire: Wire) =>
      Effect.acquireRelease(
        Effect.suspend(() =>
          table.has(path) ? Effect.die(new Error(`two wires at ${path}`)) : Effect.sync(() => table.set(path, wire)),
        ),
        () => Effect.sync(() => table.delete(path)),
      )
    return WireRegistry.of({
      mount: (path, wire) => mount(normalizePath(path), wire),
      mountFallback: (wire) => mount(FALLBACK, wire),
      at: (path) => table.get(path) ?? table.get(FALLBACK),
      isMounted: (path) => table.has(path),
    })
  })
}

/** No path of a URL. */
const FALLBACK = "*"
