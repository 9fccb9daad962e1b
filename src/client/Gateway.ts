/**
 * Gateway: the typed client for programs that do not use Effect: promises for calls, async iterables for streams.
 *
 *     const gateway = connect({ url: "ws://127.0.0.1:18789/rpc", token })
 *     for await (const piece of gateway.reply("hello")) process.stdout.write(piece)
 *     await gateway.close()
 *
 * What goes wrong rejects with an Error that has a message, and a `_tag` where the contract knows it.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
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
import { toError } from "./Rejection.ts"

/** The methods that answer once, by name, as docs/protocol/methods.md has them; what streams has methods of its own below. */
export type Method = Exclude<GatewayRpcs["_tag"], "chat.stream" | "events.subscribe" | "authenticate">

/** What a method takes. */
export type Payload<M extends Method> = Rpc.PayloadConstructor<Rpc.ExtractTag<GatewayRpcs, M>>

/** What it answers. */
export type Answer<M extends Method> = Rpc.Success<Rpc.ExtractTag<GatewayRpcs, M>>

export interface CallOptions {
  /** Gives the call up: it rejects with the signal's reason. What the gateway has begun by then may be done all the same. */
  readonly signal?: AbortSignal | undefined
}

/** A payload that may be empty may be left out. */
export type CallArguments<M extends Method> =
  Partial<Payload<M>> extends Payload<M>
    ? [payload?: Payload<M>, options?: CallOptions]
    : [payload: Payload<M>, options?: CallOptions]

export interface Gateway {
  /**
   * Calls a method of the contract: `await gateway.call("sessions.list", { limit: 10 })`. Waits for a connection as long
   * as it takes, or until its signal says otherwise. Rejects with the method's own error (`_tag`, and its facts as
   * fields: `error instanceof SessionNotFound`), a refusal, or `RpcClientError` where the connection broke before the
   * answer: it is not sent again, because it may have been done.
   */
  call<const M extends Method>(method: M, ...args: CallArguments<M>): Promise<Answer<M>>
  /**
   * Sends, and gives the agent's reply piece by piece, over any number of drops. Leaving the loop stops listening; the
   * run goes on (`chat.abort` ends it). Throws RunNotDone where the run ends without a reply.
   */
  reply(send: SendPayload | string): AsyncIterable<string>
  /** Sends, and gives the run with all its events, to its `RunEnded`. */
  chat(send: SendPayload): AsyncIterable<StreamItem>
  /**
   * Events from now, or from a position, for as long as you listen, over drops and restarts: each kept event once and in
   * order. `Joined` tells of each join; where its `reset` is not null, something is missing: take the lists anew.
   */
  events(filter?: EventFilter, from?: Position): AsyncIterable<EventItem>
  /** Calls back with how the connection stands, now and at every change. Returns how to stop that. */
  onState(listener: (state: ConnectionState) => void): () => void
  /** Closes the connection; what is in flight is rejected. */
  close(): Promise<void>
}

/** Connects, and stays connected until `close`. Returns at once; `onState` tells how it goes. */
export const connect = (options: ConnectionOptions): Gateway => {
  const runtime = ManagedRuntime.make(GatewayClient.layer(options))
  const closed = new AbortController()
  const isClosed = Effect.callback<never, Error>((resume) => {
    const fail = () => resume(Effect.fail(new Error(CLOSED)))
    if (closed.signal.aborted) return fail()
    closed.signal.addEventListener("abort", fail)
    return Effect.sync(() => closed.signal.removeEventListener("abort", fail))
  })
  const rejected = <E>(cause: Cause.Cause<E>) => toError(cause, closed.signal.aborted ? CLOSED : undefined)
  const iterate = <A, E>(stream: (client: GatewayClient["Service"]) => Stream.Stream<A, E>): AsyncIterable<A> =>
    Stream.toAsyncIterable(
      Stream.unwrap(
        Effect.map(
          Effect.promise(() => runtime.runPromise(GatewayClient)),
          stream,
        ),
      ).pipe(
        Stream.interruptWhen(isClosed),
        Stream.catchCause((cause) => Stream.fail(rejected(cause))),
      ),
    )
  return {
    call: async (method, ...[payload, { signal } = {}]) => {
      const called = Effect.gen(function* () {
        const client = yield* GatewayClient
        yield* client.connected
        // the compiler cannot see that the method picked by M takes the payload of M
        const calls = client.calls as unknown as Readonly<Record<string, Call<Answer<typeof method>> | undefined>>
        const call = calls[method]
        if (call === undefined) return yield* Effect.fail(new TypeError(`the contract has no method ${method}`))
        return yield* call(payload ?? {})
      })
      const exit = await runtime.runPromiseExit(called, { signal })
      if (Exit.isSuccess(exit)) return exit.value
      signal?.throwIfAborted()
      throw rejected(exit.cause)
    },
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
    close: () => {
      closed.abort()
      return runtime.dispose()
    },
  }
}

type Call<A> = (payload: unknown) => Effect.Effect<A, unknown>

const CLOSED = "the client is closed"
