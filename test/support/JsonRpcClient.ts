/** A JSON-RPC client for tests. It finds answers by id and keeps notifications in their order. */
import * as Effect from "effect/Effect"
import { connect, type TestSocket } from "./TestSocket.ts"
import * as TestGateway from "./TestGateway.ts"

export interface Answer {
  readonly id?: unknown
  readonly result?: any
  readonly error?: { readonly code: number; readonly message: string; readonly data?: any }
}

export interface Notification {
  readonly method: string
  readonly params: any
}

export class JsonRpcClient {
  readonly socket: TestSocket
  /** The notifications that the test has not taken yet. */
  readonly notifications: Array<Notification> = []
  readonly #answers = new Map<unknown, Answer>()
  #lastId = 0

  constructor(socket: TestSocket) {
    this.socket = socket
  }

  /** Sends a call without waiting for its answer. Returns the id. */
  send(method: string, params?: unknown): number {
    const id = ++this.#lastId
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", id, method, params }))
    return id
  }

  notify(method: string, params?: unknown): void {
    this.socket.send(JSON.stringify({ jsonrpc: "2.0", method, params }))
  }

  answerTo(id: unknown): Effect.Effect<Answer> {
    return Effect.suspend(() => {
      const answer = this.#answers.get(id)
      if (answer === undefined) return Effect.andThen(this.#receive, this.answerTo(id))
      this.#answers.delete(id)
      return Effect.succeed(answer)
    })
  }

  call(method: string, params?: unknown): Effect.Effect<Answer> {
    return Effect.suspend(() => this.answerTo(this.send(method, params)))
  }

  /** Waits for the next notification. */
  notification(): Effect.Effect<Notification> {
    return Effect.suspend(() => {
      const next = this.notifications.shift()
      return next === undefined ? Effect.andThen(this.#receive, this.notification()) : Effect.succeed(next)
    })
  }

  /** Returns the items of streams and subscriptions, up to the first for which `isLast` holds. */
  itemsUntil(isLast: (item: any) => boolean, items: Array<any> = []): Effect.Effect<ReadonlyArray<any>> {
    return Effect.flatMap(this.notification(), ({ method, params }) => {
      if (method === "$/item") items.push(params.item)
      return method === "$/item" && isLast(params.item) ? Effect.succeed(items) : this.itemsUntil(isLast, items)
    })
  }

  readonly #receive: Effect.Effect<void> = Effect.suspend(() =>
    Effect.map(this.socket.next, (frame) => {
      const message: Answer & Partial<Notification> = JSON.parse(frame)
      if (message.method === undefined) this.#answers.set(message.id, message)
      else this.notifications.push({ method: message.method, params: message.params })
    }),
  )
}

/** Connects with the gateway's token until the scope closes. */
export const open = Effect.fnUntraced(function* (path = "/jsonrpc") {
  const { token, wsUrl } = yield* TestGateway.TestGateway
  return new JsonRpcClient(yield* connect(`${wsUrl}${path}?token=${token}`))
})
