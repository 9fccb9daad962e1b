/**
 * GatewayClient: the typed client. Calls are those of the contract; what streams is carried over drops: events go on
 * from the last position seen, a streamed send follows its run wherever it has got to. It knows no socket.
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

/** What every call may fail with beside its method's own errors: the gateway's refusals, and the connection's end. */
export type ClientError = Refusal | RpcClientError

export type GatewayCalls = RpcClient.RpcClient<GatewayRpcs, RpcClientError>

/** The position to rejoin a run from is no longer kept. */
const positionLost = { _tag: "PositionLost" } as const

const isConnectionError = (error: { readonly _tag: string }): boolean => error._tag === "RpcClientError"

const isOfRun = (item: EventItem, runId: string): item is Positioned | RunText =>
  (item._tag === "RunText" && item.runId === runId) || (item._tag === "Event" && runOf(item.event) === runId)

export class GatewayClient extends Context.Service<
  GatewayClient,
  {
    /**
     * The contract, method by method: `calls["sessions.list"]({ limit: 10 })`. A call fails with RpcClientError if the
     * connection drops before its answer; nothing is sent twice behind your back.
     */
    readonly calls: GatewayCalls
    /** How the connection stands, and every change of it. A stream of `changes` begins with how it stands now. */
    readonly state: Pick<ConnectionStates, "changes" | "current">
    /** Returns once connected; fails if the gateway refused the token. */
    readonly connected: Effect.Effect<void, RpcClientError>
    /**
     * Events from now or after a position, for as long as you listen, over any number of drops: each kept event once and in
     * order. A `Joined` item tells of each (re)join; where its `reset` is not null, something is missing: take the lists anew.
     */
    events(filter?: EventFilter, from?: Position): Stream.Stream<EventItem, ClientError>
    /**
     * Sends and follows the run to its `RunEnded`, over any number of drops. The idempotency key that makes this safe
     * is yours, or made here.
     */
    chat(send: SendPayload): Stream.Stream<StreamItem, SendError | ClientError>
    /** The agent's reply, piece by piece as it is said. Fails with `RunNotDone` if the run fails or is aborted. */
    reply(send: SendPayload | string): Stream.Stream<string, SendError | ClientError | RunNotDone>
  }
>()("causeway/client/GatewayClient") {
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

        /** The stream, begun when connected and begun again after each drop. */
        const acrossDrops = <A, E extends { readonly _tag: string }>(begin: () => Stream.Stream<A, E>) =>
          Stream.suspend(() => Stream.unwrap(Effect.as(connected, Stream.suspend(begin)))).pipe(
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
   * Over the WebSocket of the platform: browsers, and Node since 22. It connects at once, keeps trying until its scope
   * closes, and builds whether or not a gateway is there: `connected` waits for one.
   */
  static readonly layer = (options: ClientConnection.ConnectionOptions): Layer.Layer<GatewayClient> =>
    GatewayClient.layerNoDeps(options).pipe(Layer.provide(Socket.layerWebSocketConstructorGlobal))
}
