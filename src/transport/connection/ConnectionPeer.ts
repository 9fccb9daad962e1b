/**
 * ConnectionPeer: the WebSocket client that a wire talks to. It authenticates the client, puts frames into the outbox,
 * and closes a client that reads too slowly, with the position to resume from. Each ConnectionActor has one.
 */
import * as Effect from "effect/Effect"
import type { ClientProfile } from "../../domain/Connection.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Unauthenticated } from "../../domain/Refusal.ts"
import type { Credentials, SignIn, SignInError } from "../../services/auth/Authenticator.ts"
import type { Secret } from "../../services/auth/Secret.ts"
import type { Registration } from "../../services/connections/Connections.ts"
import type { ActorHost } from "./ActorHost.ts"
import { type CloseCode, CloseCodes, reasonOf } from "./CloseCodes.ts"
import type { Merge } from "./Outbox.ts"
import type { ConnectionOrigin, Peer } from "./Peer.ts"
import { PreAuthLimits } from "./PreAuthLimits.ts"
import type { Usage } from "./PrincipalUsage.ts"
import type { SocketWriter } from "./SocketWriter.ts"
import { TokenBucket } from "./TokenBucket.ts"
import type { Wire } from "./Wire.ts"

export type PeerHost = Pick<ActorHost<never>, "limits" | "authenticator" | "usageOf" | "head" | "stopping" | "onClosed">

/** The actor of the connection, as its peer uses it. */
export interface PeerOwner {
  /** The position up to which the client has all that it subscribed to. */
  sentSeq(): number | undefined
  /** Called once: the client has authenticated. */
  onAuthenticated(usage: Usage): void
  /** Called when a stranger is closed and the Authenticator has not logged why. */
  onRefused(reason: string): void
  /** Called once: sends the close frame. The connection ends. */
  onClosing(code: number, reason: string): void
}

export class ConnectionPeer implements Peer {
  dialect: string
  readonly origin: ConnectionOrigin
  principal: Principal | undefined = undefined
  usage: Usage | undefined = undefined
  /** Limits until the client has authenticated, `undefined` afterwards. */
  preAuth: PreAuthLimits | undefined
  /** The entry in the list of connections. */
  registered: Registration | undefined = undefined
  isClosing = false
  readonly bucket: TokenBucket
  readonly #host: PeerHost
  readonly #owner: PeerOwner
  readonly #writer: SocketWriter
  readonly #closes: Wire["closes"]

  constructor(
    host: PeerHost,
    owner: PeerOwner,
    writer: SocketWriter,
    { closes, dialect }: Wire,
    origin: ConnectionOrigin,
    nowMs: number,
  ) {
    this.dialect = dialect
    this.origin = origin
    this.preAuth = new PreAuthLimits(host.limits)
    this.bucket = new TokenBucket(host.limits.messagesPerSecond, nowMs)
    this.#host = host
    this.#owner = owner
    this.#writer = writer
    this.#closes = closes
  }

  get clientId(): number {
    return this.registered?.clientId ?? -1
  }

  get id(): string {
    return this.registered?.id ?? ""
  }

  setDialect(dialect: string): void {
    this.dialect = dialect
    if (this.principal !== undefined) this.registered?.identify(this.principal)
  }

  authenticate(secret: Secret | undefined, client?: string): Effect.Effect<Principal, Unauthenticated> {
    return this.#host.authenticator.authenticate(secret, this.origin.remoteAddress).pipe(
      Effect.tapError((error) => this.preAuth?.failed(error) ?? Effect.void),
      Effect.tap((principal) => Effect.sync(() => this.identify(principal, client))),
    )
  }

  handshake(credentials: Credentials, client?: string, profile?: ClientProfile): Effect.Effect<SignIn, SignInError> {
    if (!this.origin.originAllowed) return Effect.fail(new Unauthenticated({ reason: "invalid" }))
    return this.#host.authenticator.signIn(credentials, this.origin).pipe(
      Effect.tapError((error) => this.preAuth?.failed(error) ?? Effect.void),
      Effect.tap(({ principal }) => Effect.sync(() => this.identify(principal, client, profile))),
    )
  }

  /** Makes the connection act as the principal. The first time, this lifts the limits for strangers. */
  identify(principal: Principal, client?: string, profile?: ClientProfile): void {
    const isFirst = this.principal === undefined
    this.principal = principal
    this.registered?.identify(principal, client, profile)
    if (!isFirst) return
    this.usage = this.#writer.usage = this.#host.usageOf(principal)
    this.preAuth = undefined
    this.#owner.onAuthenticated(this.usage)
  }

  takeToken(): number {
    return this.bucket.take() ? 0 : this.bucket.retryAfterMs
  }

  send(text: string, seq?: number): void {
    if (!this.#accepts(seq)) return
    this.#writer.outbox.must(text, seq)
    this.#writer.wake()
  }

  sendShared(frames: Buffer, count: number, seq?: number): void {
    if (!this.#accepts(seq)) return
    this.#writer.outbox.shared(frames, count, seq)
    this.#writer.wake()
  }

  sendLive(frames: Buffer, count: number, seq?: number): void {
    if (this.#accepts(seq)) this.#writer.writeShared(frames, count, seq)
  }

  sendLatest(key: string, text: string, seq?: number): void {
    if (!this.#accepts(seq)) return
    this.#writer.outbox.latest(key, text, seq)
    this.#writer.wake()
  }

  sendAppended<A>(key: string, value: A, by: Merge<A>, seq?: number): void {
    if (!this.#accepts(seq)) return
    this.#writer.outbox.append(key, value, by, seq)
    this.#writer.wake()
  }

  sendUrgent(frame: Buffer): void {
    if (!this.#accepts()) return
    this.#writer.outbox.urgent(frame)
    this.#writer.wake()
  }

  get stopping(): boolean {
    return this.#host.stopping()
  }

  get isBackpressured(): boolean {
    return this.#writer.isBlocked
  }

  awaitWritable(): Effect.Effect<void> {
    return this.#writer.awaitRoom()
  }

  awaitDrain(): Effect.Effect<void> | undefined {
    if (this.#writer.hasRoom || this.isClosing) return undefined
    const { heartbeatMs } = this.#host.limits
    if (heartbeatMs === 0) return this.awaitWritable()
    return Effect.map(this.#writer.awaitRoomWithin(2 * heartbeatMs), (hasRoom) => {
      if (!hasRoom) this.#closeSlow()
    })
  }

  close(close: CloseCode, detail?: string): void {
    if (this.isClosing) return
    this.isClosing = true
    this.#host.onClosed(close)
    this.#writer.flushAll()
    const sent = this.#closes?.get(close) ?? close
    const reason = reasonOf(sent, detail)
    if (close !== CloseCodes.restart) this.reportRefusal(reason)
    this.#owner.onClosing(sent.code, reason)
  }

  reportRefusal(reason: string): void {
    if (this.preAuth?.isLogged === false) this.#owner.onRefused(reason)
  }

  /** Checks the bound before adding a frame: a client that keeps up gets any frame, whatever its size. */
  #accepts(seq?: number): boolean {
    if (this.isClosing) return false
    const { outbox } = this.#writer
    const { outboxBytes, outboxFrames } = this.#host.limits
    if (outbox.frames < outboxFrames && this.#writer.bytes < outboxBytes) return true
    this.#closeSlow(seq)
    return false
  }

  /** `refused`: first position in the frame that the outbox did not accept. */
  #closeSlow(refused?: number): void {
    const position = this.#resumePosition(refused)
    this.#writer.outbox.clear()
    this.close(CloseCodes.slowConsumer, `resume from ${position}`)
  }

  /** Returns the last position before the frames that the client misses: those that wait, and the refused one. */
  #resumePosition(refused = Number.POSITIVE_INFINITY): string {
    const { epoch, seq: head } = this.#host.head()
    const { outbox } = this.#writer
    const sent = this.#owner.sentSeq() ?? outbox.takenSeq ?? head
    return `${epoch}:${Math.min(sent, Math.min(outbox.firstSeq() ?? refused, refused) - 1)}`
  }
}
