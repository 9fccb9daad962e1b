/**
 * SocketWriter: writes the outbox of one connection to its socket, in one write per event-loop tick. It writes slices, so
 * that urgent frames can still overtake, and stops while the socket is full. Events of live subscribers pass the outbox.
 */
import * as Effect from "effect/Effect"
import type { Socket } from "node:net"
import { WebSocket } from "ws"
import { Outbox, type Pending } from "./Outbox.ts"
import type { LoopBatch } from "./LoopBatch.ts"
import type { Usage } from "./PrincipalUsage.ts"
import { payloadBytes, writeTextFrame } from "./WebSocketFrames.ts"
import type { Stamp } from "./Wire.ts"

/** Most bytes of one write. Frames that stay in the outbox can still be merged, replaced and overtaken. */
const SLICE_BYTES = 131_072

/** Shared frames of this size or more are written without copying them next to their neighbours. */
const COPY_BYTES = 4_096

export class SocketWriter {
  readonly outbox = new Outbox()
  readonly #socket: WebSocket
  readonly #stream: Socket
  readonly #batch: LoopBatch
  /** Producers that can wait do so while more bytes are pending. */
  readonly #roomBytes: number
  #scheduled = false
  /** The socket is full. Writing goes on when it drains. */
  isBlocked = false
  #waiting: Set<() => void> | undefined = undefined
  readonly #stamp: Stamp | undefined
  /** The usage of the client's principal, which includes unsent replies. `undefined` until there is a principal. */
  usage: Usage | undefined = undefined
  #counted = 0
  /** Number of the next event frame. */
  #nextNumber = 1

  constructor(socket: WebSocket, stream: Socket, batch: LoopBatch, roomBytes: number, stamp: Stamp | undefined) {
    this.#stamp = stamp
    this.#socket = socket
    this.#stream = stream
    this.#batch = batch
    this.#roomBytes = roomBytes
  }

  /** Bytes that the operating system has not taken yet. */
  get bytes(): number {
    return this.outbox.bytes + this.#stream.writableLength
  }

  get hasRoom(): boolean {
    return this.bytes <= this.#roomBytes
  }

  /** Waits until the client keeps up. Streams wait here, so that a slow reader slows them down. */
  awaitRoom(): Effect.Effect<void> {
    if (this.hasRoom) return Effect.void
    return Effect.callback<void>((resume) => {
      const waiting = (this.#waiting ??= new Set())
      const go = () => resume(Effect.void)
      waiting.add(go)
      return Effect.sync(() => waiting.delete(go))
    })
  }

  /** Waits as `awaitRoom` does. Returns false once the client has taken no bytes for this long. */
  awaitRoomWithin(patienceMs: number): Effect.Effect<boolean> {
    const before = this.bytes
    return Effect.timeoutOrElse(Effect.as(this.awaitRoom(), true), {
      duration: patienceMs,
      orElse: () =>
        Effect.suspend(() => (this.bytes < before ? this.awaitRoomWithin(patienceMs) : Effect.succeed(false))),
    })
  }

  /** Schedules a write. Call it after adding to the outbox. */
  wake(): void {
    if (this.isBlocked || this.outbox.replyBytes > SLICE_BYTES) this.#count()
    if (this.#scheduled || this.isBlocked) return
    this.#scheduled = true
    this.#batch.write(this)
  }

  /**
   * Writes shared frames at once if no others wait. An event to many clients then needs no entry in each outbox and no
   * second loop over the clients.
   */
  writeShared(frames: Buffer, count: number, seq: number | undefined): void {
    if (this.#scheduled || this.isBlocked || !this.#isOpen()) {
      this.outbox.shared(frames, count, seq)
      return this.wake()
    }
    this.outbox.passed(count, seq)
    if (this.#stamp === undefined) {
      if (!this.#stream.write(frames)) this.#block()
      return
    }
    const copy = this.#room(frames.length)
    this.#nextNumber = this.#stamp(copy, 0, frames.copy(copy), this.#nextNumber)
    const hasRoom = this.#stream.write(copy)
    this.#batch.scratch.release(this.#stream.writableLength === 0)
    if (!hasRoom) this.#block()
  }

  flush(): void {
    this.#scheduled = false
    if (!this.isBlocked && this.outbox.frames > 0 && this.#isOpen()) {
      if (!this.#write(SLICE_BYTES)) this.#block()
      else if (this.outbox.frames > 0) this.wake()
    }
    if (this.isBlocked || this.#counted > 0) this.#count()
    if (this.hasRoom) this.#wakeWaiting()
  }

  #block(): void {
    this.isBlocked = true
    this.#stream.once("drain", () => {
      this.isBlocked = false
      this.flush()
    })
  }

  #wakeWaiting(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.forEach((go) => go())
  }

  /** Ends the accounting of unsent bytes and all waits for room, because the socket is gone. */
  release(): void {
    this.#wakeWaiting()
    if (this.usage !== undefined) this.usage.bytes -= this.#counted
    this.usage = undefined
    this.#counted = 0
  }

  /**
   * Counts the replies that the client has not taken towards its principal's usage. Events do not count, because many
   * connections share their bytes. The first slice of written bytes does not count, because it is small.
   */
  #count(): void {
    if (this.usage === undefined) return
    const written = this.#stream.writableLength - SLICE_BYTES
    const unsent = this.outbox.replyBytes + (written > 0 ? written : 0)
    this.usage.bytes += unsent - this.#counted
    this.#counted = unsent
  }

  /** Writes all waiting frames, even to a full socket. The close frame follows. */
  flushAll(): void {
    if (this.outbox.frames > 0 && this.#isOpen()) this.#write(Number.POSITIVE_INFINITY)
  }

  /** No frame may follow a close frame of either side (RFC 6455 5.5.1). */
  #isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN && this.#stream.writable
  }

  #write(maxBytes: number): boolean {
    const stream = this.#stream
    const buffers = this.#encode(this.outbox.take(maxBytes))
    let hasRoom = true
    if (buffers.length === 1) hasRoom = stream.write(buffers[0]!)
    else {
      stream.cork()
      for (const buffer of buffers) hasRoom = stream.write(buffer)
      stream.uncork()
    }
    this.#batch.scratch.release(stream.writableLength === 0)
    return hasRoom
  }

  /** Copies neighbouring texts and small frames into one Buffer. Large shared frames are not copied, unless they are stamped. */
  #encode(pending: ReadonlyArray<Pending>): ReadonlyArray<Buffer> {
    const buffers: Array<Buffer> = []
    let from = 0
    for (let i = 0; i < pending.length; i++) {
      const { body, isEvent } = pending[i]!
      if (!Buffer.isBuffer(body) || (isEvent && this.#stamp !== undefined)) continue
      if (body.length < COPY_BYTES && pending.length > 1) continue
      if (from < i) buffers.push(this.#join(pending, from, i))
      buffers.push(body)
      from = i + 1
    }
    if (from < pending.length) buffers.push(this.#join(pending, from, pending.length))
    return buffers
  }

  /** Stamps event frames here, as they leave: merged and replaced frames then leave no gap in the numbers. */
  #join(pending: ReadonlyArray<Pending>, from: number, to: number): Buffer {
    let bytes = 0
    for (let i = from; i < to; i++) bytes += pending[i]!.bytes
    const target = this.#room(bytes)
    let offset = 0
    for (let i = from; i < to; i++) {
      const { body, bytes, isEvent } = pending[i]!
      const start = offset
      if (typeof body === "string") offset = writeTextFrame(target, offset, body, payloadBytes(bytes))
      else if (Buffer.isBuffer(body)) offset += body.copy(target, offset)
      if (isEvent && this.#stamp !== undefined) {
        this.#nextNumber = this.#stamp(target, start, offset, this.#nextNumber)
      }
    }
    return target
  }

  /** Returns a Buffer for one write. A slow client gets one of its own, because it keeps it for long. */
  #room(bytes: number): Buffer {
    return this.#stream.writableLength === 0 ? this.#batch.scratch.take(bytes) : Buffer.allocUnsafe(bytes)
  }
}
