/**
 * A Mission Control client for tests: a plain socket and what it was told, in order. Waits for messages, never for time.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Scope from "effect/Scope"
import { WebSocket } from "ws"

export interface Message {
  readonly type: string
  readonly payload: any
  readonly timestamp?: number
  readonly position?: { readonly epoch: string; readonly seq: number }
}

export interface MissionClient {
  readonly socket: WebSocket
  /** All that it was told, in order, taken or not. */
  readonly told: ReadonlyArray<Message>
  /** A message as an object, or the text or bytes of a frame. */
  readonly say: (message: unknown) => void
  /** The next message. */
  readonly next: Effect.Effect<Message>
  /** The next message of this type (and for which the condition holds), passing others by. */
  readonly until: (type: string, condition?: (message: Message) => boolean) => Effect.Effect<Message>
  /** How the gateway closed the socket. */
  readonly closed: Effect.Effect<{ readonly code: number; readonly reason: string }>
}

export interface ConnectOptions {
  readonly path?: string
  readonly token?: string | undefined
  readonly origin?: string
}

/** Connected until the scope closes. */
export const connect = (
  wsUrl: string,
  { origin, path = "/ws/mission-control", token }: ConnectOptions = {},
): Effect.Effect<MissionClient, never, Scope.Scope> =>
  Effect.gen(function* () {
    const socket = yield* Effect.acquireRelease(
      Effect.callback<WebSocket>((resume) => {
        const socket = new WebSocket(`${wsUrl}${path}`, {
          ...(origin !== undefined && { origin }),
          ...(token !== undefined && { headers: { authorization: `Bearer ${token}` } }),
        })
        // Its first message may come with the answer to the handshake.
        socket.pause()
        socket.once("open", () => resume(Effect.succeed(socket)))
        socket.once("error", (error) => resume(Effect.die(error)))
      }),
      (socket) => Effect.sync(() => socket.terminate()),
    )
    const told: Array<Message> = []
    const closed = yield* Deferred.make<{ readonly code: number; readonly reason: string }>()
    let taken = 0
    let wake = () => {}
    socket.on("message", (data) => {
      told.push(JSON.parse(String(data)))
      wake()
    })
    socket.on("error", () => {})
    socket.on("close", (code, reason) => {
      Deferred.doneUnsafe(closed, Exit.succeed({ code, reason: String(reason) }))
      wake()
    })
    socket.resume()

    const next = Effect.callback<Message>((resume) => {
      const take = () => {
        const message = told[taken]
        if (message !== undefined) {
          taken++
          wake = () => {}
          resume(Effect.succeed(message))
        } else if (socket.readyState === WebSocket.CLOSED) {
          resume(Effect.die(new Error(`closed, having told ${JSON.stringify(told)}`)))
        } else {
          wake = take
        }
      }
      take()
    })
    const until = (type: string, condition: (message: Message) => boolean = () => true): Effect.Effect<Message> =>
      Effect.flatMap(next, (message) =>
        message.type === type && condition(message) ? Effect.succeed(message) : until(type, condition),
      )
    const say = (message: unknown) =>
      socket.send(typeof message === "string" || Buffer.isBuffer(message) ? message : JSON.stringify(message), {
        binary: false,
      })
    return { socket, told, say, next, until, closed: Deferred.await(closed) }
  })
