/**
 * RpcStream: one call of a streaming method on the native wire. A client acknowledges each chunk, so one chunk of the stream
 * is under way. RpcSession.ts makes one for each call.
 */
import * as Effect from "effect/Effect"
import { seqOf } from "../dialect/Json.ts"
import type { Backpressure, Sender } from "../connection/Peer.ts"
import * as RpcFrames from "./RpcFrames.ts"

/** A longer chunk is sent in parts, each when the connection is writable. */
const CHUNK_CHARS = 262_144

export class RpcStream {
  readonly #peer: Sender & Backpressure
  readonly #id: RpcFrames.Id
  #seq: number | undefined = undefined
  #isAcknowledged = false
  #onAck: (() => void) | undefined = undefined

  constructor(peer: Sender & Backpressure, id: RpcFrames.Id) {
    this.#peer = peer
    this.#id = id
  }

  /** Returns the position of the newest value that it has sent, if the value has one. */
  sentSeq(): number | undefined {
    return this.#seq
  }

  /** The client has acknowledged a chunk. */
  acknowledged(): void {
    this.#isAcknowledged = true
    this.#onAck?.()
  }

  /** Sends the values, and waits until the client has acknowledged them. */
  send(values: ReadonlyArray<unknown>): Effect.Effect<void> {
    this.#isAcknowledged = false
    return Effect.andThen(this.#sendChunk(values), this.#acknowledgement)
  }

  #sendChunk(values: ReadonlyArray<unknown>): Effect.Effect<void> {
    const text = RpcFrames.values(this.#id, values)
    if (text.length > CHUNK_CHARS && values.length > 1) {
      const half = values.length >> 1
      return Effect.andThen(
        this.#sendChunk(values.slice(0, half)),
        Effect.suspend(() => this.#sendChunk(values.slice(half))),
      )
    }
    return Effect.map(this.#peer.awaitWritable(), () => {
      this.#peer.send(text, seqOf(values[0]))
      this.#seq = seqOf(values.at(-1))
    })
  }

  get #acknowledgement(): Effect.Effect<void> {
    return Effect.callback((resume) => {
      if (this.#isAcknowledged) return resume(Effect.void)
      this.#onAck = () => resume(Effect.void)
    })
  }
}
