/**
 * Handoff: a stream whose producer waits until the consumer has handled each of its items. So a tool starts after its
 * start is stored, and a run that exceeds its budget takes no further step. ModelRun.ts uses it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"

interface Batch<A> {
  readonly items: ReadonlyArray<A>
  readonly handled: Deferred.Deferred<void>
}

/** Gives the items to the consumer, and returns when it has handled them. */
export type Emit<A> = (items: ReadonlyArray<A>) => Effect.Effect<void>

/** Makes the stream. It ends or fails as the producer does, and its end interrupts the producer. */
export const make = <A, E>(produce: (emit: Emit<A>) => Effect.Effect<void, E>): Stream.Stream<A, E> =>
  Stream.callback<Batch<A>, E>((queue) => {
    const emit: Emit<A> = (items) =>
      Effect.suspend(() => {
        if (items.length === 0) return Effect.void
        const handled = Deferred.makeUnsafe<void>()
        return Effect.andThen(Queue.offer(queue, { items, handled }), Deferred.await(handled))
      })
    return Effect.andThen(produce(emit), Queue.end(queue))
  }).pipe(
    Stream.flatMap(({ handled, items }) => {
      // The consumer pulls this part when it has handled the items.
      const acknowledge = Stream.drain(Stream.fromEffect(Deferred.succeed(handled, undefined)))
      return Stream.concat(Stream.fromIterable(items), acknowledge)
    }),
  )
