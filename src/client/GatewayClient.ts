/**
 * GatewayClient: the typed client for programs with Effect. Calls are the methods of the contract. Streams continue over
 * drops: events from the last position, a streamed send with the current state of its run. The commands, Gateway.ts and
 * your programs use it.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as RpcClient from "effect/rpc/RpcClient"
import type { RpcClientError } from "effect/rpc/RpcClientError"
import * as Socket from "effect/socket/Socket"
import type { Acceptance, SendError, SendPayload, StreamItem } from "../domain/Chat.ts"
import {
  type EventFilter,
  type EventItem,
  type Position,
  type Positioned,
  type RunText,
  runOf,
} from "../domain/Event.ts"
import { GatewayRpcs } from "../domain/GatewayRpcs.ts"
import type { Refusal } from "../domain/Refusal.ts"
import * as ClientConnection from "./ClientConnection.ts"
import type { ConnectionStates } from "./ConnectionStates.ts"
import { type RunNotDone, replyPieces } from "./Reply.ts"

/**
 * The errors that every call may have besides those of its method: `Unauthenticated`, `Forbidden` and `RateLimited` of the
 * gateway, and `RpcClientError` if the connection drops.
 */
export type ClientError = Refusal | RpcClientError

/** The methods of the contract, by name. */
export type GatewayCalls = RpcClient.RpcClient<GatewayRpcs, RpcClientError>

/** The gateway no longer keeps the events since the position of the run. */
const positionLost = { _tag: "PositionLost" } as const

const isConnectionError = (error: { readonly _tag: string }): boolean => error._tag === "RpcClientError"

const isOfRun = (item: EventItem, runId: string): item is Positioned | RunText =>
  (item._tag === "RunText" && item.runId === runId) || (item._tag === "Event" && runOf(item.event) === runId)

export class GatewayClient extends Context.Service<
  GatewayClient,
  {
    /**
     * The methods of the contract: `calls["sessions.list"]({ limit: 10 })`. Each takes the payload, and returns the result
     * and the errors, that docs/protocol/methods.md lists. A call fails with `RpcClientError` if the client is not
     * connected or the connection drops before the answer. The client never sends a call twice.
     */
    readonly calls: GatewayCalls
    /** The state of the connection. `changes` emits the state now and then every change. */
    readonly state: Pick<ConnectionStates, "changes" | "current">
    /** Waits until the client is connected. Fails with `RpcClientError` if the gateway refuses the token. */
    readonly connected: Effect.Effect<void, RpcClientError>
    /**
     * Subscribes to events from now, or after a position. The stream continues over drops and has each kept event once and
     * in order. A `Joined` item begins each subscription. If its `reset` is not `null`, events are missing: fetch the lists
     * again.
     */
    events(filter?: EventFilter, from?: Position): Stream.Stream<EventItem, ClientError>
    /**
     * Sends a message and streams its run: `Accepted` first, `RunEnded` last. The stream continues over drops. The client
     * adds an idempotency key if you give none, so that a drop does not send the message twice.
     */
    chat(send: SendPayload): Stream.Stream<StreamItem, SendError | ClientError>
    /** Sends a message and streams the text of the reply in pieces. Fails with `RunNotDone` if the run fails or is aborted. */
    reply(send: SendPayload | string): Stream.Stream<string, SendError | ClientError | RunNotDone>
  }
>()("causeway/client/GatewayClient") {
  /** Does the same as `layer` with a WebSocket of your own. */
  static readonly layerNoDeps = (
    options: ClientConnection.ConnectionOptions,
  ): Layer.Layer<GatewayClient, never, Socket.WebSocketConstructor> =>
    Layer.effect(
      GatewayClient,
      Effect.gen(function* () {
        const { connected, protocol, state } = yield* ClientConnection.make(options)
        const calls = yield* RpcClient.make(GatewayRpcs, { disableTracing: true }).pipe(
          Effect.provideService(RpcClient.Protocol, protocol),
        )

        const whileNotRefused = Schedule.forever.pipe(
          Schedule.setInputType<{ readonly _tag: string }>(),
          Schedule.while(({ input }) => isConnectionError(input) && state.current._tag !== "Refused"),
        )

        /** Begins the stream when the client is connected, and again after each drop. */
        const acrossDrops = <A, E extends { readonly _tag: string }>(start: () => Stream.Stream<A, E>) =>
          Stream.suspend(() => Stream.unwrap(Effect.as(connected, Stream.suspend(start)))).pipe(
            Stream.retry(whileNotRefused),
          )

        const events = (filter: EventFilter = {}, from?: Position) =>
          Stream.suspend(() => {
            let position = from
            return acrossDrops(() =>
              calls["events.subscribe"]({ ...filter, ...(position !== undefined && { from: position }) }),
            ).pipe(
              Stream.map((item) => {
                const epoch = item._tag === "Joined" ? item.epoch : (position?.epoch ?? "")
                position = { epoch, seq: item.seq }
                return item
              }),
            )
          })

        const chat = (send: SendPayload) =>
          Stream.suspend(() => {
            const keyed = { ...send, idempotencyKey: send.idempotencyKey ?? SecureRandom.uuidV4Unsafe() }
            let accepted: Acceptance | undefined
            let seq = 0
            const sendOrJoin = Stream.suspend(() =>
              Stream.filter(calls["chat.stream"](keyed), (item) => item._tag !== "Accepted" || accepted === undefined),
            )
            const rejoin = (run: Acceptance) =>
              calls["events.subscribe"]({
                topics: ["chat"],
                sessionKey: run.sessionKey,
                from: { epoch: run.position.epoch, seq },
              }).pipe(
                Stream.mapEffect((item) =>
                  item._tag === "Joined" && item.reset !== null ? Effect.fail(positionLost) : Effect.succeed(item),
                ),
                Stream.filter((item) => isOfRun(item, run.runId)),
                Stream.catchTag("PositionLost", () => sendOrJoin),
              )
            return acrossDrops<StreamItem, SendError | ClientError>(() =>
              accepted === undefined ? sendOrJoin : rejoin(accepted),
            ).pipe(
              Stream.map((item) => {
                if (item._tag === "Accepted") accepted = item
                seq = item._tag === "Accepted" ? item.position.seq : item.seq
                return item
              }),
              Stream.takeUntil((item) => item._tag === "Event" && item.event._tag === "RunEnded"),
            )
          })

        const reply = (send: SendPayload | string) =>
          replyPieces(chat(typeof send === "string" ? { text: send } : send))

        return GatewayClient.of({ calls, connected, state, events, chat, reply })
      }),
    )

  /**
   * Provides a client over the platform's WebSocket, which browsers and Node have. It connects in the background and
   * reconnects until its scope closes. Dies with a TypeError if `options.url` is not an address.
   */
  static readonly layer = (options: ClientConnection.ConnectionOptions): Layer.Layer<GatewayClient> =>
    GatewayClient.layerNoDeps(options).pipe(
      Layer.provide(
        options.webSocket === undefined
          ? Socket.layerWebSocketConstructorGlobal
          : Layer.succeed(Socket.WebSocketConstructor)(options.webSocket),
      ),
    )
}
