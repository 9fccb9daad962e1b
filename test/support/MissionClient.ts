/**
 * A Mission Control client for tests: a socket whose frames are messages.
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
  /** Every message that the test has taken, in order. */
  readonly received: Array<Message> = []

  constructor(socket: TestSocket.TestSocket) {
    this.socket = socket
  }

  /** Sends a message, or a text as a frame. */
  send(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message))
  }

  get next(): Effect.Effect<Message> {
    return Effect.map(this.socket.next, (frame) => {
      const message: Message = JSON.parse(frame)
      this.received.push(message)
      return message
    })
  }

  take(count: number): Effect.Effect<ReadonlyArray<Message>> {
    return Effect.all(Array.from({ length: count }, () => this.next))
  }

  /** Returns the messages up to and including the first for which the condition holds. */
  readonly until = Effect.fnUntraced(function* (this: MissionClient, condition: (message: Message) => boolean) {
    const messages = [yield* this.next]
    while (!condition(messages.at(-1)!)) messages.push(yield* this.next)
    return messages
  })

  /** Skips messages until one has this type and meets the condition. */
  find(type: string, condition: (message: Message) => boolean = () => true): Effect.Effect<Message> {
    return Effect.map(
      this.until((message) => message.type === type && condition(message)),
      (messages) => messages.at(-1)!,
    )
  }

  /** Sends a ping and returns the messages that arrive before the pong. */
  get settled(): Effect.Effect<ReadonlyArray<Message>> {
    return Effect.suspend(() => {
      this.send({ type: "ping" })
      return Effect.map(
        this.until(({ type }) => type === "pong"),
        (messages) => messages.slice(0, -1),
      )
    })
  }

  /** Waits for the close of the socket. */
  get closed(): Effect.Effect<TestSocket.Closed> {
    return this.socket.closed
  }

  /** Cuts the connection and waits until it is closed. */
  get drop(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.socket.cut()
      return Effect.asVoid(this.socket.closed)
    })
  }
}

export interface ConnectOptions {
  readonly path?: string
  /** The default is the gateway's token. `null` sends none. */
  readonly token?: string | null
  readonly query?: string
  readonly origin?: string
  /** Whether the client answers pings. The default is true. */
  readonly autoPong?: boolean
}

/** Connects to the gateway of the test until the scope closes. */
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

/** Connects and takes the greeting. */
export const open = (options?: ConnectOptions) => Effect.tap(connect(options), ({ next }) => next)

/** Returns a client that has subscribed to the channels and received their lists. */
export const subscribed = Effect.fnUntraced(function* (...channels: ReadonlyArray<string>) {
  const client = yield* open()
  client.send({ type: "subscribe", channels })
  yield* client.take(1 + channels.length)
  return client
})
