/**
 * A Mission Control client for tests: a socket whose frames are messages. Waits for messages, never for time.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { TestGateway } from "./TestGateway.ts"
import * as TestSocket from "./TestSocket.ts"

export interface Message {
  readonly type: string
  readonly payload: any
  readonly timestamp?: number
  readonly position?: { readonly epoch: string; readonly seq: number }
}

export class MissionClient {
  readonly socket: TestSocket.TestSocket
  /** All that was taken, in order. */
  readonly told: Array<Message> = []

  constructor(socket: TestSocket.TestSocket) {
    this.socket = socket
  }

  /** A message as an object, or the text of a frame. */
  say(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message))
  }

  get next(): Effect.Effect<Message> {
    return Effect.map(this.socket.next, (frame) => {
      const message: Message = JSON.parse(frame)
      this.told.push(message)
      return message
    })
  }

  take(count: number): Effect.Effect<ReadonlyArray<Message>> {
    return Effect.all(Array.from({ length: count }, () => this.next))
  }

  /** The messages up to the first for which the condition holds, and that one. */
  readonly until = Effect.fnUntraced(function* (this: MissionClient, condition: (message: Message) => boolean) {
    const messages = [yield* this.next]
    while (!condition(messages.at(-1)!)) messages.push(yield* this.next)
    return messages
  })

  /** The next message of this type, passing others by. */
  find(type: string, condition: (message: Message) => boolean = () => true): Effect.Effect<Message> {
    return Effect.map(
      this.until((message) => message.type === type && condition(message)),
      (messages) => messages.at(-1)!,
    )
  }

  /** All that is told before the answer to a ping that is sent now. */
  get settled(): Effect.Effect<ReadonlyArray<Message>> {
    return Effect.suspend(() => {
      this.say({ type: "ping" })
      return Effect.map(
        this.until(({ type }) => type === "pong"),
        (messages) => messages.slice(0, -1),
      )
    })
  }

  /** How the gateway closed the socket. */
  get closed(): Effect.Effect<TestSocket.Closed> {
    return this.socket.closed
  }

  /** The network is gone. */
  get drop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.socket.cut()
      return Effect.asVoid(this.socket.closed)
    })
  }
}

export interface ConnectOptions {
  readonly path?: string
  /** Left out: the gateway's. Null: none. */
  readonly token?: string | null
  readonly query?: string
  readonly origin?: string
  /** Whether it answers pings; it does by default. */
  readonly autoPong?: boolean
}

/** Connected to the gateway of the test until the scope closes. */
export const connect = ({
  autoPong = true,
  origin,
  path = "/ws/mission-control",
  query = "",
  token,
}: ConnectOptions = {}): Effect.Effect<MissionClient, TestSocket.Refused, TestGateway | Scope.Scope> =>
  Effect.gen(function* () {
    const gateway = yield* TestGateway
    const bearer = token === undefined ? gateway.token : token
    const socket = yield* TestSocket.connect(`${gateway.wsUrl}${path}${query}`, {
      autoPong,
      ...(origin !== undefined && { origin }),
      ...(bearer !== null && { headers: { authorization: `Bearer ${bearer}` } }),
    })
    return new MissionClient(socket)
  })

/** Connected and greeted. */
export const open = (options?: ConnectOptions) => Effect.tap(connect(options), ({ next }) => next)

/** A client that has these channels, and has been told so and their lists. */
export const subscribed = Effect.fnUntraced(function* (...channels: ReadonlyArray<string>) {
  const client = yield* open()
  client.say({ type: "subscribe", channels })
  yield* client.take(1 + channels.length)
  return client
})
