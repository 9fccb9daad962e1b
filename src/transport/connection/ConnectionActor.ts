/**
 * ConnectionActor: one client's socket as a scoped fiber. Inbound frames wait in a bounded queue; beyond it the socket is
 * not read. Outbound frames wait in a bounded outbox; beyond it the client is closed with the position to resume from.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Socket } from "node:net"
import type { ClientProfile } from "../../domain/Connection.ts"
import type { Principal } from "../../domain/Principal.ts"
import { Unauthenticated } from "../../domain/Refusal.ts"
import type { Admission, AdmissionError, Credentials, Secret } from "../../services/auth/Authenticator.ts"
import type { Connection, Registered } from "../../services/connections/Connections.ts"
import type { ActorHost } from "./ActorHost.ts"
import { type CloseCode, CloseCodes, reasonOf } from "./CloseCodes.ts"
import { pongFrame } from "./WebSocketFrames.ts"
import type { GatewaySocket, SocketReceiver } from "./GatewaySocket.ts"
import { Heartbeat } from "./Heartbeat.ts"
import { Inbox } from "./Inbox.ts"
import type { Merge } from "./Outbox.ts"
import { PreAuthLimits } from "./PreAuthLimits.ts"
import type { Usage } from "./PrincipalUsage.ts"
import { SocketWriter } from "./SocketWriter.ts"
import { TokenBucket } from "./TokenBucket.ts"
import { monotonicMs } from "./LoopBatch.ts"
import type { ConnectionOrigin, FrameHandler, Peer, Wire } from "./WireRegistry.ts"

type Host = ActorHost<ConnectionActor>
type Admitted = Effect.Effect<Admission, AdmissionError>

export class ConnectionActor implements Peer, Connection, SocketReceiver {
  dialect: string
  readonly arrival: ConnectionOrigin
  readonly remoteAddress: string
  principal: Principal | undefined = undefined
  usage: Usage | undefined = undefined
  readonly #host: Host
  readonly #socket: GatewaySocket
  readonly #stream: Socket
  readonly #wire: Wire
  readonly #writer: SocketWriter
  readonly #bucket: TokenBucket
  readonly #heartbeat: Heartbeat
  /** Of the last sign of life, on the clock that only goes forward. */
  #lastInboundMs: number
  #registered: Registered | undefined = undefined
  #inbox: Inbox | undefined = undefined
  #handler: FrameHandler | undefined = undefined
  #fiber: Fiber.Fiber<void> | undefined = undefined
  /** Until the client has authenticated. */
  #preAuth: PreAuthLimits | undefined
  #closing = false

  constructor(host: Host, socket: GatewaySocket, stream: Socket, wire: Wire, arrival: ConnectionOrigin) {
    const now = monotonicMs(host.clock)
    this.dialect = wire.dialect
    this.arrival = arrival
    this.remoteAddress = arrival.remoteAddress
    this.#host = host
    this.#socket = socket
    this.#stream = stream
    this.#wire = wire
    this.#writer = new SocketWriter(socket, stream, host.turn, host.limits.outboxBytes / 2, wire.numberAt)
    this.#bucket = new TokenBucket(host.limits.messagesPerSecond, now)
    this.#heartbeat = new Heartbeat(host.limits.heartbeatMs, now)
    this.#preAuth = new PreAuthLimits(host.limits)
    this.#lastInboundMs = now
  }

  /** Begins the actor's life. `principal`: who the client is, where its HTTP request has proved it. */
  start(principal: Principal | undefined): void {
    this.#socket.listen(this)
    const scope = Scope.makeUnsafe()
    // Suspended: what is done once is not kept in memory for as long as the connection lasts.
    const life = Effect.suspend(() =>
      Effect.flatMap(ConnectionActor.#open(this, principal, scope), () => this.#loop(this.#inbox!)),
    )
    this.#fiber = this.#host.fork(
      Effect.onExit(life, (exit) => Effect.andThen(this.#ended(exit), Scope.close(scope, exit))),
    )
    if (this.#closing) this.#fiber.interruptUnsafe()
  }

  static readonly #open = Effect.fnUntraced(
    function* (self: ConnectionActor, principal: Principal | undefined, scope: Scope.Scope) {
      const { connections, limits, turn } = self.#host
      self.#inbox = yield* Inbox.make(limits, self.#socket, turn)
      self.#registered = yield* connections.register(self)
      if (principal === undefined) {
        yield* self.#preAuth!.start(() => self.close(CloseCodes.handshakeTimeout), scope)
      } else {
        self.#identify(principal)
      }
      self.#handler = yield* self.#wire.open(self)
    },
    (effect, _self, _principal, scope) => Scope.provide(effect, scope),
  )

  #loop(inbox: Inbox): Effect.Effect<never> {
    const step = Effect.flatMap(inbox.filled, () => this.#handle(inbox.take()))
    return Effect.forever(step, { disableYield: true })
  }

  get clientId(): number {
    return this.#registered?.clientId ?? -1
  }

  get id(): string {
    return this.#registered?.id ?? ""
  }

  onFrame(data: Buffer, isBinary: boolean): void {
    if (this.#closing || this.#inbox === undefined || this.#exceedsPreAuthFrames()) return
    if (isBinary && this.#wire.binary !== true) return this.close(CloseCodes.unsupported)
    if (!this.#inbox.offer(data)) this.close(CloseCodes.policy, "too many frames at once")
  }

  onPing(payload: Buffer): void {
    if (!this.#takesControlFrame()) return
    this.#writer.outbox.pong(pongFrame(payload))
    this.#writer.wake()
  }

  onPong(): void {
    this.#takesControlFrame()
  }

  /** A control frame takes its place in the inbox, so that a flood of them is not read. */
  #takesControlFrame(): boolean {
    if (this.#closing || this.#inbox === undefined || this.#exceedsPreAuthFrames()) return false
    if (this.#inbox.offerMarker()) return true
    this.close(CloseCodes.policy, "too many frames at once")
    return false
  }

  /** No client needs many frames to authenticate. */
  #exceedsPreAuthFrames(): boolean {
    if (this.#preAuth?.takeFrame() !== false) return false
    this.close(CloseCodes.policy, "too many frames before authentication")
    return true
  }

  /** ws could not read a frame and has sent a close frame, after which there is nothing more to say. */
  onError(problem: string): void {
    this.#reportRefusal(problem)
    this.#closing = true
    this.#fiber?.interruptUnsafe()
  }

  onClose(): void {
    if (!this.#closing && this.#preAuth?.hasSpoken === true) this.#reportRefusal("left without a valid credential")
    this.#closing = true
    this.#writer.release()
    this.#inbox?.release()
    this.#fiber?.interruptUnsafe()
    if (this.#preAuth !== undefined) this.#host.onSettled(this)
    this.#host.onGone(this)
  }

  checkHeartbeat(nowMs: number): void {
    // What a paused client has sent waits in the kernel, unseen.
    if (this.#closing || this.#inbox?.paused === true) return
    switch (this.#heartbeat.look(this.#stream.bytesRead, nowMs)) {
      case "alive":
        this.#lastInboundMs = nowMs
        return
      case "ask":
        return this.#socket.ping()
      case "lost":
        return this.close(CloseCodes.heartbeatLost)
    }
  }

  terminate(): void {
    this.#socket.terminate()
  }

  #handle(frames: ReadonlyArray<string>): Effect.Effect<void> {
    const { nowMs } = this.#host.turn
    this.#lastInboundMs = nowMs
    if (frames.length === 0) return Effect.void
    this.#bucket.refill(nowMs)
    return this.#handler!.onFrames(frames)
  }

  #ended(exit: Exit.Exit<void>): Effect.Effect<void> {
    const isBug = exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause)
    this.close(isBug ? CloseCodes.internal : CloseCodes.restart)
    const closed = this.#handler?.onClose?.() ?? Effect.void
    if (!isBug) return closed
    const log = Effect.annotateLogs(Effect.logError("a connection failed", exit.cause), {
      connection: this.id,
      dialect: this.dialect,
    })
    return Effect.andThen(log, closed)
  }

  lastInboundAt(): number {
    const { clock } = this.#host
    return Math.round(clock.currentTimeMillisUnsafe() - (monotonicMs(clock) - this.#lastInboundMs))
  }

  callsInFlight(): number {
    return this.#handler?.callsInFlight() ?? 0
  }

  outboxBytes(): number {
    return this.#writer.bytes
  }

  closeByOperator(reason: string | undefined): void {
    this.close(CloseCodes.operator, reason)
  }

  closeInvalidated(reason: string): void {
    this.close(CloseCodes.invalidated, reason)
  }

  authenticate(secret: Secret | undefined, client?: string): Effect.Effect<Principal, Unauthenticated> {
    return this.#host.authenticator.authenticate(secret, this.remoteAddress).pipe(
      Effect.tapError((error) => this.#preAuth?.failed(error) ?? Effect.void),
      Effect.tap((principal) => Effect.sync(() => this.#identify(principal, client))),
    )
  }

  handshake(credentials: Credentials, client?: string, profile?: ClientProfile): Admitted {
    if (!this.arrival.originAllowed) return Effect.fail(new Unauthenticated({ reason: "invalid" }))
    return this.#host.authenticator.admit(credentials, this.arrival).pipe(
      Effect.tapError((error) => this.#preAuth?.failed(error) ?? Effect.void),
      Effect.tap(({ principal }) => Effect.sync(() => this.#identify(principal, client, profile))),
    )
  }

  setDialect(dialect: string): void {
    this.dialect = dialect
    if (this.principal !== undefined) this.#registered?.identify(this.principal)
  }

  #identify(principal: Principal, client?: string, profile?: ClientProfile): void {
    const known = this.principal !== undefined
    this.principal = principal
    this.#registered?.identify(principal, client, profile)
    if (known) return
    this.usage = this.#writer.usage = this.#inbox!.usage = this.#host.usageOf(principal)
    this.#socket.raiseFrameLimit(this.#host.limits.frameBytes)
    this.#preAuth?.end()
    this.#preAuth = undefined
    this.#host.onSettled(this)
  }

  takeToken(): number {
    return this.#bucket.take() ? 0 : this.#bucket.retryAfterMs
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
    return this.#writer.blocked
  }

  awaitWritable(): Effect.Effect<void> {
    return this.#writer.room()
  }

  awaitDrain(): Effect.Effect<void> | undefined {
    if (this.#writer.hasRoom) return undefined
    const { heartbeatMs } = this.#host.limits
    if (heartbeatMs === 0) return this.awaitWritable()
    return Effect.map(this.#writer.roomWithin(2 * heartbeatMs), (hasRoom) => {
      if (!hasRoom) this.#closeSlow()
    })
  }

  close(close: CloseCode, detail?: string): void {
    if (this.#closing) return
    this.#closing = true
    this.#writer.flushAll()
    const worded = this.#wire.closes?.get(close) ?? close
    const reason = reasonOf(worded, detail)
    if (close !== CloseCodes.restart) this.#reportRefusal(reason)
    this.#socket.close(worded.code, reason)
    this.#fiber?.interruptUnsafe()
  }

  #reportRefusal(reason: string): void {
    if (this.#preAuth?.isLogged === false) this.#host.onRefused(this, reason)
  }

  /** The bound is checked before a frame is added: a client that keeps up gets any frame, whatever its size. */
  #accepts(seq?: number): boolean {
    if (this.#closing) return false
    const { outbox } = this.#writer
    const { outboxBytes, outboxFrames } = this.#host.limits
    if (outbox.frames < outboxFrames && this.#writer.bytes < outboxBytes) return true
    this.#closeSlow(seq)
    return false
  }

  #closeSlow(refused?: number): void {
    const position = this.#position(refused)
    this.#writer.outbox.clear()
    this.close(CloseCodes.slowConsumer, `resume from ${position}`)
  }

  /** Everything up to it is on its way to the client, before the close frame. `refused`: what is not, besides what waits. */
  #position(refused = Number.POSITIVE_INFINITY): string {
    const { epoch, seq: head } = this.#host.head()
    const { outbox } = this.#writer
    const sent = this.#handler?.sentSeq() ?? outbox.takenSeq ?? head
    return `${epoch}:${Math.min(sent, Math.min(outbox.firstSeq() ?? refused, refused) - 1)}`
  }
}
