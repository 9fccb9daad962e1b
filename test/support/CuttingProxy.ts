/**
 * CuttingProxy: a TCP proxy that cuts connections on request or after a number of bytes, like a bad network.
 */
import * as Effect from "effect/Effect"
import { connect, createServer, type Socket } from "node:net"

export interface CuttingProxy {
  readonly port: number
  /** Cuts all open connections and returns their number. */
  readonly cut: () => number
  /** Cuts each later connection after this number of bytes from the gateway. */
  readonly cutAfter: (bytes: () => number) => void
  /** Returns the number of connections accepted so far. */
  readonly connections: () => number
}

/** `rewrite` changes the bytes of the gateway. It must keep their number, because frames state their length. */
export const make = (target: number, rewrite = (data: Buffer): Buffer => data) =>
  Effect.acquireRelease(
    Effect.callback<CuttingProxy & { readonly close: () => void }>((resume) => {
      const open = new Set<Socket>()
      let budget: () => number = () => Number.POSITIVE_INFINITY
      let connections = 0
      const server = createServer((client) => {
        connections++
        const gateway = connect(target, "127.0.0.1")
        let left = budget()
        const end = () => {
          open.delete(client)
          client.destroy()
          gateway.destroy()
        }
        open.add(client)
        for (const socket of [client, gateway]) socket.on("close", end).on("error", end)
        client.on("data", (data) => gateway.write(data))
        gateway.on("data", (sent) => {
          const data = rewrite(sent)
          left -= data.length
          // Cuts in the middle of a frame and loses the rest, as a real network does.
          if (left < 0) client.write(data.subarray(0, data.length >> 1), end)
          else client.write(data)
        })
      })
      server.listen(0, "127.0.0.1", () => {
        const address = server.address()
        const proxy = {
          port: typeof address === "object" && address !== null ? address.port : 0,
          cut: () => {
            const count = open.size
            for (const socket of open) socket.destroy()
            return count
          },
          cutAfter: (bytes: () => number) => void (budget = bytes),
          connections: () => connections,
          close: () => {
            for (const socket of open) socket.destroy()
            server.close()
          },
        }
        resume(Effect.succeed(proxy))
      })
    }),
    ({ close }) => Effect.sync(close),
  )
