/**
 * ConnectionActor: one client's socket as a scoped fiber, from the upgrade until the socket is gone. It passes frames from
 * the socket through a bounded inbox to the wire, and gives the wire a ConnectionPeer to send with.
 * ConnectionSupervisor.ts starts the actors.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as Scope from "effect/Scope"
import type { Socket } from "node:net"
import { monotonicMs } from "../../domain/MonotonicTime.ts"
import type { LogFacts } from "../../domain/Log.ts"
import type { Principal } from "../../domain/Principal.ts"
import type { Connection } from "../../services/connections/Connections.ts"
import type { ActorHost } from "./ActorHost.ts"
import { CloseCodes } from "./CloseCodes.ts"
import { ConnectionPeer, type PeerOwner } from "./ConnectionPeer.ts"
import type { GatewaySocket, SocketReceiver } from "./GatewaySocket.ts"
import { Heartbeat } from "./Heartbeat.ts"
import { Inbox } from "./Inbox.ts"
import type { ConnectionOrigin } from "./Peer.ts"
import type { Usage } from "./PrincipalUsage.ts"
import { SocketWriter } from "./SocketWriter.ts"
import type { Traffic } from "./Traffic.ts"
import type { Unfinished } from "./Unfinished.ts"
import { pongFrame } from "./WebSocketFrames.ts"
import type { FrameHandler, Wire } from "./Wire.ts"

export class ConnectionActor implements Connection, SocketReceiver, PeerOwner {
  readonly peer: ConnectionPeer
  readonly #host: ActorHost<ConnectionActor>
  readonly #socket: GatewaySocket
  readonly #stream: Socket
  readonly #wire: Wire
  readonly #writer: SocketWriter
  readonly #heartbeat: Heartbeat
  /** Time of the last sign of life, on the monotonic clock. */
  #lastInboundMs: number
  #frames = 0
  /** The code and the reason with which the gateway closes the client. */
  #closing: string | undefined = undefined
  #inbox: Inbox | undefined = undefined
  #handler: FrameHandler | undefined = undefined
  #fiber: Fiber.Fiber<void> | undefined = undefined
  #isHandling = false

  constructor(
    host: ActorHost<ConnectionActor>,
    socket: GatewaySocket,
    stream: Socket,
    wire: Wire,
    origin: ConnectionOrigin,
  ) {
    const now = monotonicMs(host.clock)
    this.#host = host
    this.#socket = socket
    this.#stream = stream
    this.#wire = wire
    this.#writer = new SocketWriter(socket, stream, host.batch, host.limits.outboxBytes / 2, wire.stamp)
    this.#heartbeat = new Heartbeat(host.limits.heartbeatMs, now)
    this.#lastInboundMs = now
    this.peer = new ConnectionPeer(host, this, this.#writer, wire, origin, now)
  }

  /** Starts the actor's fiber. `principal`: the client, if its HTTP request has authenticated it. */
  start(principal: Principal | undefined): void {
    this.#socket.receiver = this
    const scope = Scope.makeUnsafe()
    // Suspended, so that the connection does not keep the effects of its start in memory.
    const life = Effect.suspend(() =>
      Effect.flatMap(ConnectionActor.#open(this, principal, scope), () =>
        this.#inbox!.each((frames) => this.#handle(frames)),
      ),
    )
    this.#fiber = this.#host.fork(
      Effect.onExit(life, (exit) => Effect.andThen(this.#ended(exit), Scope.close(scope, exit))),
    )
    if (this.peer.isClosing) this.#fiber.interruptUnsafe()
  }

  static readonly #open = Effect.fnUntraced(
    function* (self: ConnectionActor, principal: Principal | undefined, _scope: Scope.Scope) {
      const { batch, connections, limits } = self.#host
      const { peer } = self
      self.#inbox = yield* Inbox.make(limits, self.#socket, batch)
      peer.registered = yield* connections.register(self)
      if (principal !== undefined) peer.identify(principal)
      self.#handler = yield* self.#wire.open(peer)
    },
    (effect, _self, _principal, scope) => Scope.provide(effect, scope),
  )

  #handle(frames: ReadonlyArray<string>): Unfinished {
    const { nowMs } = this.#host.batch
    this.#lastInboundMs = nowMs
    if (frames.length === 0) return undefined
    this.#frames += frames.length
    this.peer.bucket.refill(nowMs)
    this.#isHandling = true
    try {
      return this.#handler!.onFrames(frames)
    } finally {
      this.#isHandling = false
      if (this.peer.isClosing) this.#interrupt()
    }
  }

  /** Ends the actor, after the frame that it handles. */
  #interrupt(): void {
    if (!this.#isHandling) this.#fiber?.interruptUnsafe()
  }

  #ended(exit: Exit.Exit<void>): Effect.Effect<void> {
    const isBug = exit._tag === "Failure" && !Cause.hasInterruptsOnly(exit.cause)
    this.peer.close(isBug ? CloseCodes.internal : CloseCodes.restart)
    this.#inbox?.drop()
    const closed = this.#handler?.onClose?.() ?? Effect.void
    if (!isBug) return closed
    const log = Effect.annotateLogs(Effect.logError("a connection failed", exit.cause), {
      connection: this.peer.id,
      dialect: this.dialect,
    })
    return Effect.andThen(log, closed)
  }

  checkHeartbeat(nowMs: number): void {
    // While reading is paused, the client's bytes wait in the kernel where we do not see them.
    if (this.peer.isClosing || this.#inbox?.isPaused === true) return
    switch (this.#heartbeat.check(this.#stream.bytesRead, nowMs)) {
      case "alive":
        this.#lastInboundMs = nowMs
        return
      case "ping":
        return this.#socket.ping()
      case "lost":
        return this.peer.close(CloseCodes.heartbeatLost)
    }
  }

  /** Cuts the socket without a close frame. */
  terminate(): void {
    this.#socket.terminate()
  }

  // SocketReceiver

  onHeader(bytes: number): boolean {
    if (this.#inbox?.expect(bytes) !== false) return true
    this.peer.close(CloseCodes.tryAgainLater, "too many bytes of this principal are in flight")
    return false
  }

  onFrame(data: Buffer, isBinary: boolean): void {
    if (this.peer.isClosing || this.#inbox === undefined || this.#exceedsPreAuthFrames()) return
    if (isBinary && this.#wire.binary !== true) return this.peer.close(CloseCodes.unsupported)
    if (!this.#inbox.offer(data)) this.peer.close(CloseCodes.policy, "too many frames at once")
  }

  onPing(payload: Buffer): void {
    if (!this.#takesControlFrame()) return
    this.#writer.outbox.pong(pongFrame(payload))
    this.#writer.wake()
  }

  onPong(): void {
    this.#takesControlFrame()
  }

  /** Puts a marker into the inbox for each control frame, so that a flood of them also pauses reading. */
  #takesControlFrame(): boolean {
    if (this.peer.isClosing || this.#inbox === undefined || this.#exceedsPreAuthFrames()) return false
    if (this.#inbox.offerMarker()) return true
    this.peer.close(CloseCodes.policy, "too many frames at once")
    return false
  }

  /** No client needs many frames to authenticate. */
  #exceedsPreAuthFrames(): boolean {
    if (this.peer.preAuth?.takeFrame() !== false) return false
    this.peer.close(CloseCodes.policy, "too many frames before authentication")
    return true
  }

  /** Called after ws could not read a frame. ws has sent the close frame itself, and no frame may follow it. */
  onError(problem: string): void {
    this.peer.reportRefusal(problem)
    this.peer.isClosing = true
    this.#interrupt()
  }

  onClose(): void {
    const { peer } = this
    if (!peer.isClosing && peer.preAuth?.hasSpoken === true) peer.reportRefusal("left without a valid credential")
    peer.isClosing = true
    this.#writer.release()
    this.#inbox?.release()
    this.#interrupt()
    if (peer.preAuth !== undefined) this.#host.onSettled(this)
    this.#host.onGone(this)
  }

  // PeerOwner

  sentSeq(): number | undefined {
    return this.#handler?.sentSeq()
  }

  onAuthenticated(usage: Usage): void {
    this.#inbox!.usage = usage
    this.#socket.raiseFrameLimit(this.#host.limits.frameBytes)
    this.#host.onSettled(this)
  }

  onRefused(reason: string): void {
    this.#host.onRefused(this, reason)
  }

  onClosing(code: number, reason: string): void {
    this.#closing = `${code} ${reason}`
    this.#socket.close(code, reason)
    this.#interrupt()
  }

  // Connection

  get dialect(): string {
    return this.peer.dialect
  }

  get remoteAddress(): string {
    return this.peer.origin.remoteAddress
  }

  lastInboundAt(): number {
    const { clock } = this.#host
    return Math.round(clock.currentTimeMillisUnsafe() - (monotonicMs(clock) - this.#lastInboundMs))
  }

  callsInFlight(): number {
    return this.#handler?.callsInFlight() ?? 0
  }

  ending(): LogFacts {
    const reason = this.#closing ?? "the client closed it"
    const { receivedBytes, receivedFrames, sentBytes } = this.traffic()
    return { reason, frames: receivedFrames, receivedBytes, sentBytes }
  }

  traffic(): Traffic {
    const { bytesRead, bytesWritten } = this.#stream
    return {
      receivedFrames: this.#frames,
      receivedBytes: bytesRead,
      sentFrames: this.#writer.outbox.takenFrames,
      sentBytes: bytesWritten,
    }
  }

  /** Frames that wait for the client. */
  get waitingFrames(): number {
    return this.#writer.outbox.frames
  }

  outboxBytes(): number {
    return this.#writer.bytes
  }

  closeByOperator(reason: string | undefined): void {
    this.peer.close(CloseCodes.operator, reason)
  }

  closeRevoked(reason: string): void {
    this.peer.close(CloseCodes.invalidated, reason)
  }
}
