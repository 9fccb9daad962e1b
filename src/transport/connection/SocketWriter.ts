/**
 * Writes an outbox to its socket: all that waits goes out in one write per event-loop turn, in slices so that urgent
 * frames still overtake, and only while the socket takes it. It knows no dialect and no close code.
 */
import * as Effect from "effect/Effect"
import type { Socket } from "node:net"
import { WebSocket } from "ws"
import { numberFrames, payloadBytes, writeTextFrame } from "./WebSocketFrames.ts"
import { Outbox, type Pending } from "./Outbox.ts"
import type { Usage } from "./PrincipalUsage.ts"
import type { LoopBatch } from "./LoopBatch.ts"

/** The most that is given to a socket at once. What is still in the outbox can be merged, replaced and overtaken. */
const SLICE_BYTES = 131_072

/** Shared frames from this size on are written as they are, not copied together with their neighbours. */
const COPY_BYTES = 4_096

export class SocketWriter {
  readonly outbox = new Outbox()
  readonly #socket: WebSocket
  readonly #stream: Socket
  readonly #turn: LoopBatch
  /** Producers that can wait do so while more bytes than this are pending. */
  readonly #roomBytes: number
  #scheduled = false
  #blocked = false
  #waiting: Set<() => void> | undefined = undefined
  readonly #numberAt: number | undefined
  /** The share of the client's principal, to which unsent answers count. Undefined: there is no principal yet. */
  usage: Usage | undefined = undefined
  #counted = 0
  /** Of the next frame that tells something. */
  #number = 1

  constructor(socket: WebSocket, stream: Socket, turn: LoopBatch, roomBytes: number, numberAt: number | undefined) {
    this.#numberAt = numberAt
    this.#socket = socket
    this.#stream = stream
    this.#turn = turn
    this.#roomBytes = roomBytes
  }

  /** Bytes accepted and not yet taken by the kernel. */
  get bytes(): number {
    return this.outbox.bytes + this.#stream.writableLength
  }

  /** The socket takes no more for now. */
  get blocked(): boolean {
    return this.#blocked
  }

  get hasRoom(): boolean {
    return this.bytes <= this.#roomBytes
  }

  /** Returns at once while the client keeps up, else when it does again: how a stream is held back by its reader. */
  room(): Effect.Effect<void> {
    if (this.hasRoom) return Effect.void
    return Effect.callback<void>((resume) => {
      const waiting = (this.#waiting ??= new Set())
      const go = () => resume(Effect.void)
      waiting.add(go)
      return Effect.sync(() => waiting.delete(go))
    })
  }

  /** As `room`, and whether there is any: there is none once the client has taken nothing for so long. */
  roomWithin(patienceMs: number): Effect.Effect<boolean> {
    const before = this.bytes
    return Effect.timeoutOrElse(Effect.as(this.room(), true), {
      duration: patienceMs,
      orElse: () => Effect.suspend(() => (this.bytes < before ? this.roomWithin(patienceMs) : Effect.succeed(false))),
    })
  }

  /** To be called after something was put into the outbox. */
  wake(): void {
    if (this.#blocked || this.outbox.answerBytes > SLICE_BYTES) this.#count()
    if (this.#scheduled || this.#blocked) return
    this.#scheduled = true
    this.#turn.write(this)
  }

  flush(): void {
    this.#scheduled = false
    if (!this.#blocked && this.outbox.frames > 0 && this.#isOpen()) {
      if (this.#write(SLICE_BYTES)) {
        if (this.outbox.frames > 0) this.wake()
      } else {
        this.#blocked = true
        this.#stream.once("drain", () => {
          this.#blocked = false
          this.flush()
        })
      }
    }
    if (this.#blocked || this.#counted > 0) this.#count()
    if (this.#waiting !== undefined && this.hasRoom) {
      const waiting = this.#waiting
      this.#waiting = undefined
      for (const go of waiting) go()
    }
  }

  /** Nothing is unsent any more: the socket is gone. */
  release(): void {
    if (this.usage !== undefined) this.usage.bytes -= this.#counted
    this.usage = undefined
    this.#counted = 0
  }

  /**
   * Counts the answers that the client has not taken. Events are left out: many connections share them, and a slice of
   * what is already written is little.
   */
  #count(): void {
    if (this.usage === undefined) return
    const written = this.#stream.writableLength - SLICE_BYTES
    const unsent = this.outbox.answerBytes + (written > 0 ? written : 0)
    this.usage.bytes += unsent - this.#counted
    this.#counted = unsent
  }

  /** Gives everything to the socket, whether it wants it or not: the last thing before a close frame. */
  flushAll(): void {
    if (this.outbox.frames > 0 && this.#isOpen()) this.#write(Number.POSITIVE_INFINITY)
  }

  /** After a close frame there must be no other (RFC 6455 5.5.1), whoever has sent it. */
  #isOpen(): boolean {
    return this.#socket.readyState === WebSocket.OPEN && this.#stream.writable
  }

  #write(maxBytes: number): boolean {
    const buffers = this.#encode(this.outbox.take(maxBytes))
    if (buffers.length === 1) return this.#stream.write(buffers[0]!)
    this.#stream.cork()
    let wants = true
    for (const buffer of buffers) wants = this.#stream.write(buffer)
    this.#stream.uncork()
    return wants
  }
  /** Neighbouring texts and small frames become one Buffer; big shared frames stay themselves, unless they get a number. */
  #encode(pending: ReadonlyArray<Pending>): ReadonlyArray<Buffer> {
    const buffers: Array<Buffer> = []
    let from = 0
    for (let i = 0; i < pending.length; i++) {
      const { body, tells } = pending[i]!
      if (!Buffer.isBuffer(body) || (tells && this.#numberAt !== undefined)) continue
      if (body.length < COPY_BYTES && pending.length > 1) continue
      if (from < i) buffers.push(this.#join(pending, from, i))
      buffers.push(body)
      from = i + 1
    }
    if (from < pending.length) buffers.push(this.#join(pending, from, pending.length))
    return buffers
  }

  /** Numbered here, as they leave: what was merged or replaced while it waited leaves no gap for a client to see. */
  #join(pending: ReadonlyArray<Pending>, from: number, to: number): Buffer {
    let bytes = 0
    for (let i = from; i < to; i++) bytes += pending[i]!.bytes
    const target = Buffer.allocUnsafe(bytes)
    let offset = 0
    for (let i = from; i < to; i++) {
      const { body, bytes, tells } = pending[i]!
      const start = offset
      if (typeof body === "string") offset = writeTextFrame(target, offset, body, payloadBytes(bytes))
      else if (Buffer.isBuffer(body)) offset += body.copy(target, offset)
      if (tells && this.#numberAt !== undefined) {
        this.#number = numberFrames(target, start, offset, this.#numberAt, this.#number)
      }
    }
    return target
  }
}
