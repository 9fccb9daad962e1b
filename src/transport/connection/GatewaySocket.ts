/**
 * GatewaySocket: a `ws` socket that never closes without a reason, and whose frame limit rises once the client has
 * authenticated. From then on it asks for room for each message when it reads the header, before it holds the content, and
 * a pause takes effect before the next frame. It needs no listeners, so that an idle connection is cheap. Upgrades.ts makes
 * the sockets, and each ConnectionActor receives the events of one.
 */
import { WebSocket } from "ws"
import { lookUp } from "./CloseCodes.ts"
import { unmask } from "./FrameMask.ts"

/** Receives the events of a socket. */
export interface SocketReceiver {
  /**
   * Called at the header of each data frame of an authenticated client. `bytes`: the size of the message so far. Returns
   * whether the message has room.
   */
  onHeader(bytes: number): boolean
  onFrame(data: Buffer, isBinary: boolean): void
  onPing(payload: Buffer): void
  onPong(): void
  onError(problem: string): void
  onClose(): void
}

/** The parts of ws that this module relies on. They are private, so the version is exact, and tests guard them. */
interface Receiver {
  /** ws compares each message with the limit when it has read a header. */
  _maxPayload: number
  /** The opcode of the frame; control frames begin at 8. */
  readonly _opcode: number
  readonly _payloadLength: number
  /** The bytes of the message before this frame. */
  readonly _totalPayloadLength: number
  _mask: Buffer | undefined
  _masked: boolean
  readonly _state: number
  /** The received bytes that are not parsed. */
  readonly _bufferedBytes: number
  /** Whether the receiver goes on with the next part of its bytes. */
  _loop: boolean
  consume(bytes: number): Buffer
  getInfo(done: Done): void
  haveLength(done: Done): void
  readonly writable: boolean
  write(bytes: Buffer): boolean
  socket?: GatewaySocket
}

type Done = (error?: Error) => void

const NOTHING = Buffer.alloc(0)

export class GatewaySocket extends WebSocket {
  receiver: SocketReceiver | undefined = undefined
  declare private readonly _receiver: Receiver

  /** Passes the events of ws to the receiver. An EventEmitter with five listeners would cost each socket 280 bytes. */
  override emit(event: string | symbol, first?: unknown, second?: unknown): boolean {
    const { receiver } = this
    if (receiver === undefined) return super.emit(event, first, second)
    // The mask of the last frame is a view of the bytes that arrived with it, and would keep them in memory.
    this._receiver._mask = undefined
    switch (event) {
      case "message":
        if (Buffer.isBuffer(first)) receiver.onFrame(first, second === true)
        break
      case "ping":
        if (Buffer.isBuffer(first)) receiver.onPing(first)
        break
      case "pong":
        receiver.onPong()
        break
      case "close":
        receiver.onClose()
        break
      case "error":
        receiver.onError(first instanceof Error ? first.message : String(first))
        break
    }
    return true
  }

  raiseFrameLimit(bytes: number): void {
    const receiver = this._receiver
    receiver._maxPayload = bytes
    receiver.socket = this
    // ws makes the receivers itself, so each gets the functions as properties. All of them share these.
    receiver.haveLength = haveLength
    receiver.consume = consume
    receiver.getInfo = getInfo
  }

  /** Also reads on in the bytes that have arrived before the pause. */
  override resume(): void {
    super.resume()
    const receiver = this._receiver
    if (!this.isPaused && receiver._bufferedBytes > 0 && receiver.writable) receiver.write(NOTHING)
  }

  /** Adds a reason when ws closes by itself with a bare code, after a frame that it cannot read. */
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason ?? (code === undefined ? undefined : lookUp(code)?.reason))
  }
}

/** The state in which ws takes the content of a frame. */
const GET_DATA = 4

/** ws unmasks smaller frames itself, because preparing the words takes time, too. */
const LARGE_BYTES = 4_096

/** Takes bytes out of the received ones. Unmasks the content of a large frame. */
function consume(this: Receiver, bytes: number): Buffer {
  const data = prototypeOf(this).consume.call(this, bytes)
  if (bytes >= LARGE_BYTES && this._state === GET_DATA) {
    unmask(data, this._mask!)
    this._masked = false
  }
  return data
}

const prototypeOf = (receiver: Receiver) => Reflect.getPrototypeOf(receiver) as Receiver

/** Asks for room before ws goes on. Without room, ws stops reading as it does after a frame above the limit. */
function haveLength(this: Receiver, done: Done): void {
  const bytes = this._totalPayloadLength + this._payloadLength
  const hasRoom = this._opcode >= 8 || bytes > this._maxPayload || this.socket?.receiver?.onHeader(bytes) !== false
  if (!hasRoom) this._maxPayload = 1
  prototypeOf(this).haveLength.call(this, done)
}

/**
 * Reads the beginning of a frame, unless the socket is paused. ws itself would go through all 64 KiB that it has read: a
 * thousand small frames in one turn of the event loop.
 */
function getInfo(this: Receiver, done: Done): void {
  if (this.socket?.isPaused === true) this._loop = false
  else prototypeOf(this).getInfo.call(this, done)
}
