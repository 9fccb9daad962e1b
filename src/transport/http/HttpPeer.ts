/**
 * One HTTP request as a peer: it is registered for as long as it takes, is not present, and hears nothing but its
 * answer. It knows no HTTP.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import type { Principal } from "../../domain/Principal.ts"
import type { Admission } from "../../services/auth/Authenticator.ts"
import { type Connection, Connections, type Registered } from "../../services/connections/Connections.ts"
import type { CloseCode } from "../connection/CloseCodes.ts"
import type { Caller } from "./HttpAuth.ts"
import type { Usage } from "../connection/PrincipalUsage.ts"
import type { ConnectionOrigin, Peer } from "../connection/WireRegistry.ts"

export class HttpPeer implements Peer, Connection {
  dialect: string
  readonly arrival: ConnectionOrigin
  readonly principal: Principal
  readonly usage: Usage
  readonly isBackpressured = false
  /** Its request was let in: it is answered. */
  readonly stopping = false
  /** What was said last: streams are not told here, so it is the answer. */
  answer: string | undefined = undefined
  /** Why there is none, where the conversation broke down. */
  closed: CloseCode | undefined = undefined
  readonly #openedAt: number
  #registered: Registered | undefined = undefined

  private constructor(dialect: string, { principal, remoteAddress }: Caller, usage: Usage, openedAt: number) {
    this.usage = usage
    this.dialect = dialect
    this.principal = principal
    this.arrival = { remoteAddress, direct: false, originAllowed: true }
    this.#openedAt = openedAt
  }

  /** Registered until the scope closes. */
  static readonly make = Effect.fnUntraced(function* (
    dialect: string,
    caller: Caller,
    usage: Usage,
  ): Effect.fn.Return<HttpPeer, never, Connections | Scope.Scope> {
    const connections = yield* Connections
    const peer = new HttpPeer(dialect, caller, usage, yield* Clock.currentTimeMillis)
    peer.#registered = yield* connections.register(peer)
    peer.#registered.actAs(caller.principal)
    return peer
  })

  get clientId(): number {
    return this.#registered?.clientId ?? -1
  }

  get id(): string {
    return this.#registered?.id ?? ""
  }

  get remoteAddress(): string {
    return this.arrival.remoteAddress
  }

  lastInboundAt(): number {
    return this.#openedAt
  }

  callsInFlight(): number {
    return 1
  }

  outboxBytes(): number {
    return 0
  }

  closeByOperator(): void {}

  closeInvalidated(): void {}

  setDialect(dialect: string): void {
    this.dialect = dialect
  }

  authenticate(): Effect.Effect<Principal> {
    return Effect.succeed(this.principal)
  }

  handshake(): Effect.Effect<Admission> {
    return Effect.succeed({ principal: this.principal, issued: undefined })
  }

  takeToken(): number {
    return 0
  }

  send(text: string): void {
    this.answer = text
  }

  sendShared(): void {}

  sendLatest(): void {}

  sendAppended(): void {}

  sendUrgent(): void {}

  awaitWritable(): Effect.Effect<void> {
    return Effect.void
  }

  awaitDrain(): undefined {}

  close(close: CloseCode): void {
    this.closed = close
  }
}
