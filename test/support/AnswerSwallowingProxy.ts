/**
 * A TCP proxy that loses the answer to one statement: the server receives the statement, and the client sees a broken
 * connection. It passes everything else on.
 */
import * as Effect from "effect/Effect"
import { type AddressInfo, connect, createServer, type Socket } from "node:net"

interface Order {
  readonly text: string
  /** Whether the server receives the statement. */
  readonly isPassedOn: boolean
  readonly beforeCut: () => Promise<void>
}

export class AnswerSwallowingProxy {
  readonly url: string
  readonly #setOrder: (order: Order) => void
  readonly swallowed: () => number

  private constructor(url: string, setOrder: (order: Order) => void, swallowed: () => number) {
    this.url = url
    this.#setOrder = setOrder
    this.swallowed = swallowed
  }

  /** Passes the next statement with this text on, and cuts the connection when the server has answered. */
  swallowAfter(text: string, beforeCut: () => Promise<void> = async () => {}): void {
    this.#setOrder({ text, isPassedOn: true, beforeCut })
  }

  /** Cuts the connection instead of passing the next statement with this text on. */
  cutBefore(text: string): void {
    this.#setOrder({ text, isPassedOn: false, beforeCut: async () => {} })
  }

  /** `url`: the server behind the proxy, over TCP. */
  static readonly make = (url: string) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.promise(() => start(url)),
        ({ stop }) => Effect.sync(stop),
      ),
      ({ setOrder, swallowed, url }) => new AnswerSwallowingProxy(url, setOrder, swallowed),
    )
}

const start = async (url: string) => {
  let order: Order | undefined
  let swallowed = 0
  const sockets = new Set<Socket>()
  const target = new URL(url)
  const listener = createServer((client) => {
    const server = connect(Number(target.port), target.hostname)
    let isSwallowing: Order | undefined
    const cut = () => {
      client.destroy()
      server.destroy()
    }
    for (const socket of [client, server]) {
      sockets.add(socket)
      socket.on("error", cut).on("close", cut)
    }
    client.on("data", (data) => {
      if (order !== undefined && data.includes(order.text)) {
        isSwallowing = order
        order = undefined
        if (!isSwallowing.isPassedOn) {
          cut()
          return
        }
      }
      server.write(data)
    })
    server.on("data", (data) => {
      if (isSwallowing === undefined) {
        client.write(data)
        return
      }
      // The last answer of a pipeline ends with ReadyForQuery of an idle session.
      if (!data.toString("latin1").endsWith("Z\0\0\0\x05I")) return
      const { beforeCut } = isSwallowing
      isSwallowing = undefined
      swallowed++
      void beforeCut().then(cut)
    })
  })
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve))
  const proxied = new URL(url)
  proxied.port = String((listener.address() as AddressInfo).port)
  return {
    url: proxied.href,
    setOrder: (next: Order) => (order = next),
    swallowed: () => swallowed,
    stop: () => {
      for (const socket of sockets) socket.destroy()
      listener.close()
    },
  }
}
