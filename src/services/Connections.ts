/**
 * Connections: the registry of who is connected, on whichever wire. The transport fills it; services read it.
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { ConnectionInfo, ConnectionNotFound, PresenceEntry } from "../domain/Connection.ts"
import type { Principal } from "../domain/Principal.ts"

/** What a wire tells of one of its connections. The getters are read when somebody asks. */
export interface Connection {
  readonly dialect: string
  readonly remoteAddress: string
  readonly lastInboundAt: () => number
  readonly callsInFlight: () => number
  readonly outboxBytes: () => number
  /** Asks the wire to close it, as the operator's wish. */
  readonly close: (reason: string) => void
}

export interface Registered {
  /** Unique over all wires and the life of the process; also the RpcServer client id on every wire. */
  readonly clientId: number
  /** As clients see it, e.g. `c42`. */
  readonly id: string
  /** From now on the connection acts as this principal and is present. */
  readonly identify: (principal: Principal, client?: string) => void
}

export class Connections extends Context.Service<
  Connections,
  {
    /** Registered until the scope closes. */
    register(connection: Connection): Effect.Effect<Registered, never, Scope.Scope>
    readonly size: () => number
    readonly principalOf: (
      clientId: number,
    ) => { readonly id: string; readonly dialect: string; readonly principal: Principal } | undefined
    readonly list: () => ReadonlyArray<ConnectionInfo>
    readonly presence: () => ReadonlyArray<PresenceEntry>
    close(id: string, reason: string): Effect.Effect<void, ConnectionNotFound>
  }
>()("causeway/services/Connections") {}
