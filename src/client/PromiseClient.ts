/**
 * PromiseClient: runs an Effect client for programs without Effect: promises for calls, async iterables and listeners for
 * streams. Gateway.ts and the OpenClaw client use it.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import type * as Layer from "effect/Layer"
import * as ManagedRuntime from "effect/ManagedRuntime"
import * as Stream from "effect/Stream"
import { toError } from "./Rejection.ts"

const CLOSED = "the client is closed"

/** Returns the runners of a client. The first use builds its layer, and `close` ends it. */
export const make = <Id, Client, LayerError>(
  client: Effect.Effect<Client, never, Id>,
  layer: Layer.Layer<Id, LayerError>,
) => {
  const runtime = ManagedRuntime.make(layer)
  const closed = new AbortController()
  const isClosed = Effect.callback<never, Error>((resume) => {
    const fail = () => resume(Effect.fail(new Error(CLOSED)))
    if (closed.signal.aborted) return fail()
    closed.signal.addEventListener("abort", fail)
    return Effect.sync(() => closed.signal.removeEventListener("abort", fail))
  })
  const errorOf = <E>(cause: Cause.Cause<E>) => toError(cause, closed.signal.aborted ? CLOSED : undefined)

  return {
    /** Rejects with the reason of the signal if it cancels the call. */
    run: async <A, E>(use: (client: Client) => Effect.Effect<A, E>, signal: AbortSignal | undefined): Promise<A> => {
      // The runtime would make the call wait until it is disposed.
      if (closed.signal.aborted) throw new Error(CLOSED)
      const exit = await runtime.runPromiseExit(Effect.flatMap(client, use), { signal })
      if (Exit.isSuccess(exit)) return exit.value
      signal?.throwIfAborted()
      throw errorOf(exit.cause)
    },
    iterate: <A, E>(stream: (client: Client) => Stream.Stream<A, E>): AsyncIterable<A> =>
      Stream.toAsyncIterable(
        Stream.unwrap(
          Effect.map(
            Effect.promise(() => runtime.runPromise(client)),
            stream,
          ),
        ).pipe(
          Stream.interruptWhen(isClosed),
          Stream.catchCause((cause) => Stream.fail(errorOf(cause))),
        ),
      ),
    /** Calls the listener with each item, also after an error of the listener. Returns a function that stops it. */
    listen: <A>(stream: (client: Client) => Stream.Stream<A>, listener: (item: A) => void): (() => void) => {
      const fiber = runtime.runFork(
        Effect.flatMap(client, (client) =>
          Stream.runForEach(stream(client), (item) =>
            Effect.catchCause(
              Effect.sync(() => listener(item)),
              (cause) => Effect.logError("a listener failed", cause),
            ),
          ),
        ),
      )
      return () => void Effect.runFork(Fiber.interrupt(fiber))
    },
    /** Ends the calls and streams in progress. */
    close: (): Promise<void> => {
      closed.abort()
      return runtime.dispose()
    },
  }
}
