/**
 * A `ws` socket as the gateway uses it: it never closes without a reason, and its frame limit can be raised once the
 * client is known. Its events go to one receiver through listeners that all sockets share, so that an idle connection
 * is cheap. It knows no frame's meaning.
 */
import { WebSocket } from "ws"
import { lookUp } from "./CloseCodes.ts"

/** Whom a socket tells what happens. */
export interface SocketReceiver {
  onFrame(data: Buffer, isBinary: boolean): void
  onPing(payload: Buffer): void
  onPong(): void
  onError(problem: string): void
  onClose(): void
}

export class GatewaySocket extends WebSocket {
  receiver: SocketReceiver | undefined = undefined
  /** Made by ws when the socket opens; it compares each frame with the limit as it is then. A test watches over it. */
  declare private readonly _receiver: { _maxPayload: number }

  listen(receiver: SocketReceiver): void {
    this.receiver = receiver
    this.on("message", onMessage).on("ping", onPing).on("pong", onPong).on("close", onClose).on("error", onError)
  }

  raiseFrameLimit(bytes: number): void {
    this._receiver._maxPayload = bytes
  }

  /** When ws cannot read a frame it closes by itself, with a bare code. */
  override close(code?: number, reason?: string | Buffer): void {
    super.close(code, reason ?? (code === undefined ? undefined : lookUp(code)?.reason))
  }
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

/** Without a listener it would end the process. */
function onError(this: WebSocket, error: Error): void {
  if (this instanceof GatewaySocket) this.receiver?.onError(error.message)
}
