/**
 * Gateway: the typed client for programs that do not use Effect: promises for calls, async iterables for streams.
 *
 *     const gateway = connect({ url: "ws://127.0.0.1:18789/rpc", token })
 *     for await (const piece of gateway.reply("hello")) process.stdout.write(piece)
 *     await gateway.close()
 */
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import type * as Rpc from "effect/rpc/Rpc"
import type { SendPayload, StreamItem } from "../domain/Chat.ts"
import type { EventFilter, EventItem, Position } from "../domain/Event.ts"
import type { GatewayRpcs } from "../domain/GatewayRpcs.ts"
import type { ConnectionOptions } from "./ClientConnection.ts"
import type { ConnectionState } from "./ConnectionStates.ts"
import { GatewayClient } from "./GatewayClient.ts"

/** The methods that answer once; what streams has methods of its own below. */
export type Method = Exclude<GatewayRpcs["_tag"], "chat.stream" | "events.subscribe" | "authenticate">

export type Payload<M extends Method> = Rpc.PayloadConstructor<Rpc.ExtractTag<GatewayRpcs, M>>

export type Answer<M extends Method> = Rpc.Success<Rpc.ExtractTag<GatewayRpcs, M>>

export interface Gateway {
  /** Calls a method of the contract. Rejects with its tagged error, a refusal, or the connection's end. */
  call<const M extends Method>(method: M, payload: Payload<M>): Promise<Answer<M>>
  /** The agent's reply, piece by piece. Leaving the loop stops listening; the run goes on. */
  reply(send: SendPayload | string): AsyncIterable<string>
  /** A run with all its events, to its end. */
  chat(send: SendPayload): AsyncIterable<StreamItem>
  /** Events from now, or from a position, for as long as you listen. */
  events(filter?: EventFilter, from?: Position): AsyncIterable<EventItem>
  /** Calls back with how the connection stands, now and at every change. Returns how to stop that. */
  onState(listener: (state: ConnectionState) => void): () => void
  /** Closes the connection; what is in flight is rejected. */
  close(): Promise<void>
}

export const connect = (options: ConnectionOptions): Gateway => {
  const runtime = ManagedRuntime.make(GatewayClient.layer(options))
  const iterate = <A, E>(stream: (client: GatewayClient["Service"]) => Stream.Stream<A, E>): AsyncIterable<A> =>
    Stream.toAsyncIterable(
      Stream.unwrap(
        Effect.map(
          Effect.promise(() => runtime.runPromise(GatewayClient)),
          stream,
        ),
      ),
    )
  return {
    call: <const M extends Method>(method: M, payload: Payload<M>) =>
      runtime.runPromise(
        Effect.gen(function* () {
          const client = yield* GatewayClient
          yield* client.connected
          // the compiler cannot see that the method picked by M takes the payload of M
          const call = client.calls[method] as unknown as (payload: Payload<M>) => Effect.Effect<Answer<M>, unknown>
          return yield* call(payload)
        }),
      ),
    reply: (send) => iterate((client) => client.reply(send)),
    chat: (send) => iterate((client) => client.chat(send)),
    events: (filter, from) => iterate((client) => client.events(filter, from)),
    onState: (listener) => {
      const listening = runtime.runFork(
        Effect.flatMap(GatewayClient, (client) =>
          Stream.runForEach(client.state.changes, (state) => Effect.sync(() => listener(state))),
        ),
      )
      return () => void Effect.runFork(Fiber.interrupt(listening))
    },
    close: () => runtime.dispose(),
  }
}
