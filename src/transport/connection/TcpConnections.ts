/**
 * TcpConnections: limits the TCP connections that have not authenticated, before any byte of HTTP is read. WebSockets and
 * requests have their own limits, but a socket that sends nothing, or one byte a second, meets only this one.
 * GatewayServer.ts passes every socket to it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type { Socket } from "node:net"
import { networkOf } from "../../domain/Address.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { isProxy, normalizeAddress, proxiesOf } from "./ClientAddress.ts"
import { RefusalLog } from "./RefusalLog.ts"

const peerOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`

export class TcpConnections extends Context.Service<
  TcpConnections,
  {
    /** Listens to a Node server's `connection` event. Destroys a socket beyond the limits. */
    readonly accept: (socket: Socket) => void
    /** Stops counting a connection whose client has authenticated. */
    readonly release: (socket: Socket) => void
  }
>()("causeway/transport/connection/TcpConnections") {
  static readonly layer: Layer.Layer<TcpConnections, never, GatewayConfig | RefusalLog> = Layer.effect(
    TcpConnections,
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const refusals = yield* RefusalLog
      const proxies = proxiesOf(config)
      const { connections, tcpPerAddress } = config.limits
      /** Sockets with the network that they count for. A trusted proxy carries many clients and counts for none. */
      const counted = new Map<Socket, string | undefined>()
      /** The counted sockets by their port, with TLS. A TLS socket is another object over the same connection. */
      const byPeer = config.tls.cert === undefined ? undefined : new Map<string, Socket>()
      const perNetwork = new Map<string, number>()

      const release = (released: Socket): void => {
        const socket = counted.has(released) ? released : byPeer?.get(peerOf(released))
        if (socket === undefined) return
        const network = counted.get(socket)
        counted.delete(socket)
        byPeer?.delete(peerOf(socket))
        socket.off("close", onClose)
        if (network === undefined) return
        const count = (perNetwork.get(network) ?? 0) - 1
        if (count > 0) perNetwork.set(network, count)
        else perNetwork.delete(network)
      }

      /** One function for all sockets, because a closure for each would stay in memory with every idle connection. */
      function onClose(this: Socket): void {
        release(this)
      }

      const accept = (socket: Socket): void => {
        // A socket without an address is closed already.
        if (socket.remoteAddress === undefined) {
          socket.destroy()
          return
        }
        const address = normalizeAddress(socket.remoteAddress)
        const network = isProxy(proxies, address) ? undefined : networkOf(address)
        const count = network === undefined ? 0 : (perNetwork.get(network) ?? 0)
        if (counted.size >= connections + tcpPerAddress || count >= tcpPerAddress) {
          socket.destroy()
          return refusals.note(address, "too many TCP connections that have not authenticated")
        }
        counted.set(socket, network)
        byPeer?.set(peerOf(socket), socket)
        if (network !== undefined) perNetwork.set(network, count + 1)
        socket.on("close", onClose)
      }

      return TcpConnections.of({ accept, release })
    }),
  )
}
