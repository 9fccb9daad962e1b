/**
 * HttpPeer: the client of one HTTP request, as the kernel sees it. It keeps the reply for the HTTP response.
 * JsonRpcHttp.ts makes one for each request.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Principal } from "../../domain/Principal.ts"
import type { SignIn } from "../../services/auth/Authenticator.ts"
import { Connections } from "../../services/connections/Connections.ts"
import type { CloseCode } from "../connection/CloseCodes.ts"
import type { CallPeer, ConnectionOrigin } from "../connection/Peer.ts"
import type { Usage } from "../connection/PrincipalUsage.ts"
import type { Caller } from "./HttpAuth.ts"

/** Identity of the request in the list of connections. */
type Identity = Pick<CallPeer, "clientId" | "id" | "dialect">

export class HttpPeer implements CallPeer {
  readonly clientId: number
  readonly id: string
  readonly dialect: string
  readonly origin: ConnectionOrigin
  readonly principal: Principal
  readonly usage: Usage
  /** A request that was accepted gets its reply, also while the gateway stops. */
  readonly stopping = false
  /** The newest reply. A request subscribes to nothing, so it has one at most. */
  reply: string | undefined = undefined
  /** Why there is no reply, if the conversation failed. */
  closed: CloseCode | undefined = undefined

  private constructor({ clientId, dialect, id }: Identity, { principal, remoteAddress }: Caller, usage: Usage) {
    this.clientId = clientId
    this.id = id
    this.dialect = dialect
    this.origin = { remoteAddress, direct: false, originAllowed: true }
    this.principal = principal
    this.usage = usage
  }

  /** Registers the request as a connection, without presence, until the scope closes. */
  static readonly make = Effect.fnUntraced(function* (
    dialect: string,
    caller: Caller,
    usage: Usage,
  ): Effect.fn.Return<HttpPeer, never, Connections | Scope.Scope> {
    const connections = yield* Connections
    const openedAt = yield* Clock.currentTimeMillis
    const registered = yield* connections.register({
      dialect,
      remoteAddress: caller.remoteAddress,
      lastInboundAt: () => openedAt,
      callsInFlight: () => 1,
      outboxBytes: () => 0,
      closeByOperator: () => {},
      closeRevoked: () => {},
    })
    registered.setPrincipal(caller.principal)
    const { clientId, id } = registered
    return new HttpPeer({ clientId, id, dialect }, caller, usage)
  })

  authenticate(): Effect.Effect<Principal> {
    return Effect.succeed(this.principal)
  }

  handshake(): Effect.Effect<SignIn> {
    return Effect.succeed({ principal: this.principal, issued: undefined })
  }

  get isClosing(): boolean {
    return this.closed !== undefined
  }

  takeToken(): number {
    return 0
  }

  send(text: string): void {
    this.reply = text
  }

  awaitWritable(): Effect.Effect<void> {
    return Effect.void
  }

  awaitDrain(): undefined {}

  close(close: CloseCode): void {
    this.closed = close
  }
}
