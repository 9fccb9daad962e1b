/**
 * ClientConnection: keeps one WebSocket to a gateway open. It authenticates, acknowledges frames, reconnects after a drop
 * with backoff and jitter, and publishes its state. GatewayClient uses it as the protocol of Effect's RpcClient.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Random from "effect/Random"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import * as RpcClient from "effect/rpc/RpcClient"
import { RpcClientDefect, RpcClientError } from "effect/rpc/RpcClientError"
import type { FromServerEncoded, ResponseExitEncoded } from "effect/rpc/RpcMessage"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import * as Socket from "effect/socket/Socket"
import { monotonicMs } from "../domain/MonotonicTime.ts"
import { type ConnectionState, ConnectionStates } from "./ConnectionStates.ts"
import { gatewayUrl } from "./GatewayUrl.ts"
import { knownItems } from "./ForwardCompat.ts"
import { openCode, reasonOf } from "./SocketProblem.ts"

export interface ConnectionOptions {
  /**
   * The address of the gateway: `ws://127.0.0.1:18789/rpc`, `https://host/causeway`, `127.0.0.1:18789`. An address without a
   * scheme gets `ws`, and `/rpc` completes the path.
   */
  readonly url: string
  /** The gateway's token or its password. Leave it out for gateways with `auth: none`. */
  readonly token?: Redacted.Redacted<string> | string | undefined
  /**
   * Opens a WebSocket. The default is the one of the platform. On Node, `PinnedWebSocket.make(fingerprint)` knows a gateway
   * by its certificate.
   */
  readonly webSocket?: ((url: string) => Socket.WebSocketLike) | undefined
  /** The longest pause between two attempts. 30 seconds by default; a plain number is milliseconds. */
  readonly maxBackoff?: Duration.Input | undefined
  /** The interval of pings, 10 seconds by default. Twice as long without a frame from the gateway counts as a drop. */
  readonly pingInterval?: Duration.Input | undefined
}

/**
 * Returns the pause before an attempt in milliseconds: a random part (0 to 1) of 250 ms x 2^attempt. The full jitter keeps
 * the clients of a restarted gateway from reconnecting at the same time.
 */
export const backoff = (attempt: number, maxMs: number, random: number): number =>
  Math.ceil(random * Math.min(maxMs, 250 * 2 ** Math.min(attempt, 20)))

const AUTHENTICATE = "authenticate"

/** The reason of calls on a connection whose token the gateway refused. */
export const REFUSED = "the gateway refused the token"

/** The reason to wait during a lockout. It applies to all programs at the address, and also to a right token if it is short. */
export const LOCKED_OUT = "too many wrong tokens came from this address"

class Refused {
  readonly reason: string
  constructor(reason: string) {
    this.reason = reason
  }
}

/** Returns the error of a failed authentication. A lockout ends by itself; every other refusal is final. */
const refusalError = (cause: Extract<ResponseExitEncoded["exit"], { _tag: "Failure" }>["cause"]) =>
  cause.some((part) => part._tag === "Fail" && hasReason(part.error) && part.error.reason === "locked-out")
    ? closed(1008, LOCKED_OUT)
    : new Refused(REFUSED)

const hasReason = Predicate.hasProperty("reason")

const closed = (code: number, closeReason: string) =>
  new Socket.SocketError({ reason: new Socket.SocketCloseError({ code, closeReason }) })

const silenceError = closed(4009, "no sign of life")

const isSettled = (state: ConnectionState) => state._tag === "Connected" || state._tag === "Refused"

/** Returns the error with which RpcClient fails its calls. */
const protocolError = (reason: string) =>
  new RpcClientError({ reason: new RpcClientDefect({ message: reason, cause: reason }) })

/** Returns why a connection ended, for people. */
const describe = (cause: Cause.Cause<Socket.SocketError | Refused>): string => {
  const error = Cause.squash(cause)
  return error instanceof Refused ? error.reason : reasonOf(error)
}

export interface ClientConnection {
  readonly state: ConnectionStates
  /** Waits until the client is connected. Fails if the gateway refuses the token. */
  readonly connected: Effect.Effect<void, RpcClientError>
  readonly protocol: RpcClient.Protocol["Service"]
}

/**
 * Opens a connection and keeps it open until the scope closes. Returns at once. Dies with a TypeError if `options.url` is
 * not an address.
 */
export const make = Effect.fnUntraced(function* (
  options: ConnectionOptions,
): Effect.fn.Return<ClientConnection, never, Scope.Scope | Socket.WebSocketConstructor> {
  const token =
    options.token === undefined || Redacted.isRedacted(options.token) ? options.token : Redacted.make(options.token)
  const maxBackoffMs = Duration.toMillis(options.maxBackoff ?? "30 seconds")
  const pingIntervalMs = Duration.toMillis(options.pingInterval ?? "10 seconds")
  const state = new ConnectionStates<ConnectionState>({ _tag: "Connecting", attempt: 0 })
  const url = gatewayUrl(options.url)
  if (url === undefined)
    return yield* Effect.die(new TypeError(`${options.url} is not the address of a gateway: write host:port or a URL`))
  const socket = yield* Socket.makeWebSocket(url.href)
  const parser = RpcSerialization.json.makeUnsafe()
  let write: ((frame: string) => Effect.Effect<void, Socket.SocketError>) | undefined

  const protocol = yield* RpcClient.Protocol.make(
    Effect.fnUntraced(function* (deliver, clientIds) {
      /** The RpcClient that sent a request, by request id. */
      const clientOf = new Map<string | number, number>()

      const dispatch = (message: FromServerEncoded): Effect.Effect<void> => {
        if (message._tag === "Pong") return Effect.void
        if ("requestId" in message) {
          const clientId = clientOf.get(message.requestId)
          if (message._tag === "Exit") clientOf.delete(message.requestId)
          if (clientId === undefined) return Effect.void
          if (message._tag !== "Chunk") return deliver(clientId, message)
          const [first, ...rest] = knownItems(message.values)
          if (first !== undefined) return deliver(clientId, { ...message, values: [first, ...rest] })
          // RpcClient acknowledges delivered chunks only, and the gateway waits for an acknowledgement of each.
          const { requestId } = message
          return write === undefined ? Effect.void : Effect.ignore(write(JSON.stringify({ _tag: "Ack", requestId })))
        }
        return Effect.forEach(Array.from(clientIds), (clientId) => deliver(clientId, message), { discard: true })
      }

      const parse = (frame: string | Uint8Array): ReadonlyArray<FromServerEncoded> =>
        parser.decode(frame) as ReadonlyArray<FromServerEncoded>

      /** Authenticates as the first exchange of a connection. */
      const authenticate = Effect.fnUntraced(function* (writer: Socket.Writer, reader: Socket.Reader) {
        if (token === undefined) return
        yield* writer.write(
          JSON.stringify({
            _tag: "Request",
            id: AUTHENTICATE,
            tag: AUTHENTICATE,
            payload: { token: Redacted.value(token) },
            headers: [],
          }),
        )
        let isAuthenticated = false
        while (!isAuthenticated) {
          for (const message of (yield* reader.pull).flatMap(parse)) {
            if (message._tag !== "Exit" || message.requestId !== AUTHENTICATE) yield* dispatch(message)
            else if (message.exit._tag === "Failure") return yield* Effect.fail(refusalError(message.exit.cause))
            else isAuthenticated = true
          }
        }
      })

      /** Runs one connection until it drops. Never succeeds. */
      const session = Effect.gen(function* () {
        const reader = yield* socket.reader
        const writer = yield* socket.writer
        yield* authenticate(writer, reader).pipe(
          Effect.timeoutOrElse({ duration: 2 * pingIntervalMs, orElse: () => Effect.fail(silenceError) }),
        )
        const clock = yield* Clock.Clock
        const nowMs = () => monotonicMs(clock)
        let lastInbound = nowMs()
        write = writer.write
        state.set({ _tag: "Connected" })
        const read = Effect.forever(
          Effect.flatMap(reader.pull, (frames) => {
            lastInbound = nowMs()
            return Effect.forEach(frames.flatMap(parse), dispatch, { discard: true })
          }),
        )
        const watch = Effect.gen(function* () {
          while (true) {
            yield* writer.write('{"_tag":"Ping"}')
            yield* Effect.sleep(pingIntervalMs)
            if (nowMs() - lastInbound > 2 * pingIntervalMs) return yield* silenceError
          }
        })
        return yield* Effect.raceFirst(read, watch)
      }).pipe(Effect.scoped)

      const run = Effect.gen(function* () {
        let attempt = 0
        while (true) {
          state.set({ _tag: "Connecting", attempt })
          const exit = yield* Effect.exit(session)
          const wasConnected = write !== undefined
          write = undefined
          clientOf.clear()
          const cause = exit._tag === "Failure" ? exit.cause : Cause.empty
          const reason = describe(cause)
          const error = { _tag: "ClientProtocolError", error: protocolError(reason) } as const
          const refused = Cause.squash(cause) instanceof Refused
          attempt = wasConnected ? 0 : attempt + 1
          const retryInMs = backoff(attempt, maxBackoffMs, yield* Random.next)
          const code = openCode(Cause.squash(cause))
          const waiting = { _tag: "Waiting", attempt, retryInMs, reason } as const
          state.set(refused ? { _tag: "Refused", reason } : code === undefined ? waiting : { ...waiting, code })
          yield* dispatch(error)
          if (refused) return
          yield* Effect.sleep(retryInMs)
        }
      })
      yield* Effect.forkScoped(run)

      return {
        send: (clientId, request) => {
          if (write === undefined) return Effect.fail(protocolError("not connected"))
          if (request._tag === "Request") clientOf.set(request.id, clientId)
          if (request._tag === "Interrupt") clientOf.delete(request.requestId)
          return Effect.mapError(write(JSON.stringify(request)), (error) => protocolError(error.message))
        },
        supportsAck: true,
        supportsTransferables: false,
        codecFor: RpcSerialization.json.codecFor,
      }
    }),
  )

  const outcome = (now: ConnectionState) =>
    now._tag === "Refused" ? Effect.fail(protocolError(now.reason)) : Effect.void
  const connected = Effect.flatMap(state.first(isSettled), outcome)

  return { state, connected, protocol }
})
