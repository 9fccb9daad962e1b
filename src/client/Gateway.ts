/**
 * Gateway: the typed client for programs that do not use Effect: promises for calls, async iterables for streams.
 *
 *     const gateway = connect({ url: "ws://127.0.0.1:18789/rpc", token })
 *     for await (const piece of gateway.reply("hello")) process.stdout.write(piece)
 *     await gateway.close()
 *
 * Failures reject with an Error that has a message, and a `_tag` if it is an error of the contract.
 */
import * as Effect from "effect/Effect"
import type * as Rpc from "effect/rpc/Rpc"
import type { SendPayload, StreamItem } from "../domain/Chat.ts"
import type { EventFilter, EventItem, Position } from "../domain/Event.ts"
import type { GatewayRpcs } from "../domain/GatewayRpcs.ts"
import type { ConnectionOptions } from "./ClientConnection.ts"
import type { ConnectionState } from "./ConnectionStates.ts"
import { GatewayClient } from "./GatewayClient.ts"
import * as PromiseClient from "./PromiseClient.ts"

/** The methods that return one result, as docs/protocol/methods.md lists them. Streams have their own methods below. */
export type Method = Exclude<GatewayRpcs["_tag"], "chat.stream" | "events.subscribe" | "authenticate">

/** The payload of a method. */
export type Payload<M extends Method> = Rpc.PayloadConstructor<Rpc.ExtractTag<GatewayRpcs, M>>

/** The result of a method. */
export type Answer<M extends Method> = Rpc.Success<Rpc.ExtractTag<GatewayRpcs, M>>

export interface CallOptions {
  /** Cancels the call: it rejects with the signal's reason. The gateway may still complete what it has begun. */
  readonly signal?: AbortSignal | undefined
}

/** The arguments of a call. You may leave out a payload without required fields. */
export type CallArguments<M extends Method> =
  Partial<Payload<M>> extends Payload<M>
    ? [payload?: Payload<M>, options?: CallOptions]
    : [payload: Payload<M>, options?: CallOptions]

export interface Gateway {
  /**
   * Calls a method of the contract: `await gateway.call("sessions.list", { limit: 10 })`. Waits for a connection without a
   * time limit, unless you pass a signal.
   *
   * Rejects with an error of the method (`error instanceof SessionNotFound`, facts as fields), with `Unauthenticated`,
   * `Forbidden` or `RateLimited`, with a TypeError if the method or the payload is not of the contract, or with
   * `RpcClientError` if the connection drops before the answer or the gateway refuses the token. The client does not send
   * a call again, because the gateway may have carried it out.
   */
  call<const M extends Method>(method: M, ...args: CallArguments<M>): Promise<Answer<M>>
  /**
   * Sends a message and iterates over the text of the reply in pieces, also over drops. If you leave the loop, the run
   * continues; `chat.abort` ends it. Throws `RunNotDone` if the run fails or is aborted.
   */
  reply(send: SendPayload | string): AsyncIterable<string>
  /** Sends a message and iterates over its run: `Accepted` first, then its events, `RunEnded` last. */
  chat(send: SendPayload): AsyncIterable<StreamItem>
  /**
   * Iterates over events from now, or after a position, also over drops and restarts. Each kept event comes once and in
   * order. A `Joined` item begins each subscription. If its `reset` is not `null`, events are missing: fetch the lists
   * again.
   */
  events(filter?: EventFilter, from?: Position): AsyncIterable<EventItem>
  /** Calls the listener with the state of the connection, now and at every change. Returns a function that stops it. */
  onState(listener: (state: ConnectionState) => void): () => void
  /** Closes the connection. Calls and loops in progress reject. */
  close(): Promise<void>
}

/** Connects and stays connected until `close`. Returns at once; `onState` reports the state. */
export const connect = (options: ConnectionOptions): Gateway => {
  const { close, iterate, listen, run } = PromiseClient.make(GatewayClient, GatewayClient.layer(options))
  return {
    call: (method, ...[payload, { signal } = {}]) =>
      run(
        Effect.fnUntraced(function* (client) {
          yield* client.connected
          // The compiler does not see that the method M takes the payload of M.
          const calls = client.calls as unknown as Readonly<Record<string, Call<Answer<typeof method>> | undefined>>
          const send = calls[method]
          if (send === undefined) {
            const message = `unknown method "${method}": docs/protocol/methods.md lists the methods`
            return yield* Effect.fail(new TypeError(message))
          }
          return yield* send(payload ?? {})
        }),
        signal,
      ),
    reply: (send) => iterate((client) => client.reply(send)),
    chat: (send) => iterate((client) => client.chat(send)),
    events: (filter, from) => iterate((client) => client.events(filter, from)),
    onState: (listener) => listen((client) => client.state.changes, listener),
    close,
  }
}

type Call<A> = (payload: unknown) => Effect.Effect<A, unknown>
