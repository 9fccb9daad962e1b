/**
 * PinnedWebSocket: WebSockets to a gateway whose certificate is known by its fingerprint, such as a self-signed one. No
 * authority needs to know such a certificate. The commands load it for such gateways, and the OpenClaw client uses it.
 */
import * as Layer from "effect/Layer"
import * as Socket from "effect/socket/Socket"
import type { ClientRequestArgs } from "node:http"
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls"
import { WebSocket } from "ws"
import { fingerprintOf, OTHER_CERTIFICATE } from "./Fingerprint.ts"

/** Bounds of `ws`, whose types lack the second one. */
export interface WebSocketBounds {
  /** Bytes of the largest frame that the gateway may send. */
  readonly maxPayload?: number
  /** Milliseconds to wait for the gateway's close frame. */
  readonly closeTimeout?: number
}

/** Opens a TLS socket, and destroys it before it carries a byte if the certificate is another one. */
const connectPinned = (options: ConnectionOptions, fingerprint: string): TLSSocket => {
  const socket = connect({ ...options, rejectUnauthorized: false })
  socket.once("secureConnect", () => {
    if (fingerprintOf(socket.getPeerCertificate().fingerprint256 ?? "") === fingerprint) return
    socket.destroy(Object.assign(new Error("the certificate has another fingerprint"), { code: OTHER_CERTIFICATE }))
  })
  return socket
}

/**
 * Returns the function that opens a WebSocket, for the option `webSocket` of a client. Throws a TypeError if `fingerprint` is
 * not SHA-256 in hexadecimal digits. Use it for addresses with `wss://` only: without TLS, nothing proves who answers.
 */
export const make = (fingerprint: string, bounds: WebSocketBounds = {}): ((url: string) => Socket.WebSocketLike) => {
  const digits = fingerprintOf(fingerprint)
  if (digits === undefined) throw new TypeError("a fingerprint is SHA-256 in 64 hexadecimal digits")
  const pinned: ClientRequestArgs = {
    createConnection: (options) => connectPinned(options as ConnectionOptions, digits),
  }
  return (url) => new WebSocket(url, { ...bounds, ...pinned })
}

/** As `make`, for `GatewayClient.layerNoDeps`. */
export const layer = (fingerprint: string, bounds?: WebSocketBounds): Layer.Layer<Socket.WebSocketConstructor> =>
  Layer.succeed(Socket.WebSocketConstructor)(make(fingerprint, bounds))
