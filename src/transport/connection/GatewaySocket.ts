/**
 * GatewaySocket: a `ws` socket that never closes without a reason, and whose frame limit rises once the client has
 * authenticated. From then on it asks for room for each message when it reads the header, before it holds the content. All
 * sockets share one set of listeners, so that an idle connection is cheap. Upgrades.ts makes the sockets, and each
 * ConnectionActor receives the events of one.
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
  readonly _mask: Buffer
  _masked: boolean
  readonly _state: number
  consume(bytes: number): Buffer
  haveLength(done: (error?: Error) => void): void
  socket?: GatewaySocket
}

export class GatewaySocket extends WebSocket {
  receiver: SocketReceiver | undefined = undefined
  declare private readonly _receiver: Receiver

  listen(receiver: SocketReceiver): void {
    this.receiver = receiver
    this.on("message", onMessage).on("ping", onPing).on("pong", onPong).on("close", onClose).on("error", onError)
  }

  raiseFrameLimit(bytes: number): void {
    const receiver = this._receiver
    receiver._maxPayload = bytes
    receiver.socket = this
    // ws makes the receivers itself, so each gets the functions as properties. All of them share these.
    receiver.haveLength = haveLength
    receiver.consume = consume
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
    unmask(data, this._mask)
    this._masked = false
  }
  return data
}

const prototypeOf = (receiver: Receiver) => Reflect.getPrototypeOf(receiver) as Receiver

/** Asks for room before ws goes on. Without room, ws stops reading as it does after a frame above the limit. */
function haveLength(this: Receiver, done: (error?: Error) => void): void {
  const bytes = this._totalPayloadLength + this._payloadLength
  const hasRoom = this._opcode >= 8 || bytes > this._maxPayload || this.socket?.receiver?.onHeader(bytes) !== false
  if (!hasRoom) this._maxPayload = 1
  prototypeOf(this).haveLength.call(this, done)
}

function onMessage(this: WebSocket, data: WebSocket.RawData, isBinary: boolean): void {
  if (this instanceof GatewaySocket && Buffer.isBuffer(data)) this.receiver?.onFrame(data, isBinary)
}

function onPing(this: WebSocket, payload: Buffer): void {
  if (this instanceof GatewaySocket) this.receiver?.onPing(payload)
}

function onPong(this: WebSocket): void {
  if (this instanceof GatewaySocket) this.receiver?.onPong()
}

function onClose(this: WebSocket): void {
  if (this instanceof GatewaySocket) this.receiver?.onClose()
}

/** Without a listener, an error would end the process. */
function onError(this: WebSocket, error: Error): void {
  if (this instanceof GatewaySocket) this.receiver?.onError(error.message)
}
