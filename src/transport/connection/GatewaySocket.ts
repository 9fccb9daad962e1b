/**
 * GatewaySocket: a `ws` socket that never closes without a reason, and whose frame limit rises once the client has
 * authenticated. All sockets share one set of listeners, so that an idle connection is cheap. Upgrades.ts makes the
 * sockets, and each ConnectionActor receives the events of one.
 */
import { WebSocket } from "ws"
import { lookUp } from "./CloseCodes.ts"

/** Receives the events of a socket. */
export interface SocketReceiver {
  onFrame(data: Buffer, isBinary: boolean): void
  onPing(payload: Buffer): void
  onPong(): void
  onError(problem: string): void
  onClose(): void
}

export class GatewaySocket extends WebSocket {
  receiver: SocketReceiver | undefined = undefined
  /** A private field of ws, which compares each frame with the limit at that moment. A test guards against its removal. */
  declare private readonly _receiver: { _maxPayload: number }

  listen(receiver: SocketReceiver): void {
    this.receiver = receiver
    this.on("message", onMessage).on("ping", onPing).on("pong", onPong).on("close", onClose).on("error", onError)
  }

  raiseFrameLimit(bytes: number): void {
    this._receiver._maxPayload = bytes
  }

  /** Adds a reason when ws closes by itself with a bare code, after a frame that it cannot read. */
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

/** Without a listener, an error would end the process. */
function onError(this: WebSocket, error: Error): void {
  if (this instanceof GatewaySocket) this.receiver?.onError(error.message)
}
