/**
 * Subscribers: hands the events of a connection to every subscriber, in order. Each has a bounded buffer, so that a slow or
 * hanging subscriber stops neither the connection nor the others. Connection.ts fills it.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import type { OpenClawEvent, Reset } from "./Conversation.ts"
import type { Hello } from "./Hello.ts"

/**
 * An item of the events. `Joined` says where the events begin. If its `reset` is not `null`, events may be missing before
 * it: fetch the lists again, now that later events arrive.
 */
export type OpenClawItem =
  | { readonly _tag: "Joined"; readonly hello: Hello; readonly reset: Reset | null }
  | ({ readonly _tag: "Event" } & OpenClawEvent)

/** The number of items that wait for one subscriber. A whole sync of a large gateway fits. */
const CAPACITY = 4_096

interface Subscriber {
  readonly queue: Queue.Queue<OpenClawItem>
  /** Whether it still waits for its first `Joined`. Events before that are not for it. */
  isNew: boolean
}

export class Subscribers {
  readonly #subscribers = new Set<Subscriber>()
  /** The connection now. `undefined` before `Joined` and after a drop. */
  #hello: Hello | undefined = undefined

  /** Every subscriber gets `Joined` first: at once if the client is connected, else when it is. */
  readonly stream: Stream.Stream<OpenClawItem> = Stream.unwrap(
    Effect.map(
      Effect.acquireRelease(
        Effect.map(Queue.unbounded<OpenClawItem>(), (queue) => {
          const subscriber: Subscriber = { queue, isNew: true }
          if (this.#hello !== undefined) this.#offer(subscriber, joined(this.#hello, "connected"))
          this.#subscribers.add(subscriber)
          return subscriber
        }),
        (subscriber) => Effect.sync(() => this.#subscribers.delete(subscriber)),
      ),
      ({ queue }) => Stream.fromQueue(queue),
    ),
  )

  joined(hello: Hello, reset: Reset | null): void {
    this.#hello = hello
    this.#publish(joined(hello, reset))
  }

  event(event: OpenClawEvent): void {
    this.#publish({ _tag: "Event", ...event })
  }

  /** Makes later subscribers wait for the next connection. */
  dropped(): void {
    this.#hello = undefined
  }

  #publish(item: OpenClawItem): void {
    for (const subscriber of this.#subscribers) this.#offer(subscriber, item)
  }

  #offer(subscriber: Subscriber, item: OpenClawItem): void {
    if (item._tag === "Event" && subscriber.isNew) return
    if (Queue.sizeUnsafe(subscriber.queue) >= CAPACITY) return this.#restart(subscriber, item)
    // A new subscriber has seen nothing that a resumed connection could continue.
    const isFirst = item._tag === "Joined" && subscriber.isNew
    subscriber.isNew = false
    Queue.offerUnsafe(subscriber.queue, isFirst ? { ...item, reset: "connected" } : item)
  }

  /** Drops the waiting items of a slow subscriber. It begins again with a new snapshot. */
  #restart({ queue }: Subscriber, item: OpenClawItem): void {
    Effect.runSync(Queue.clear(queue))
    const hello = item._tag === "Joined" ? item.hello : this.#hello
    if (hello !== undefined) Queue.offerUnsafe(queue, joined(hello, "slow"))
  }
}

const joined = (hello: Hello, reset: Reset | null): OpenClawItem => ({ _tag: "Joined", hello, reset })
