/**
 * FollowedTopics: the topics that have subscribers now, so that a service makes no live events that nobody receives.
 * Events.ts has one.
 */
import { defaultTopics, type EventFilter, type Topic } from "../../domain/Event.ts"

type Observer = (isFollowed: boolean) => void

export class FollowedTopics {
  readonly #counts = new Map<Topic, number>()
  readonly #observers = new Map<Topic, Set<Observer>>()

  /** Counts a subscriber. Returns a function that ends it, once. */
  add({ topics = defaultTopics }: EventFilter): () => void {
    const counted = new Set(topics)
    for (const topic of counted) this.#count(topic, 1)
    return () => {
      for (const topic of counted) this.#count(topic, -1)
      counted.clear()
    }
  }

  /** Calls the observer now and at each change. Returns a function that removes it. */
  observe(topic: Topic, observer: Observer): () => void {
    const observers = this.#observers.get(topic) ?? new Set()
    this.#observers.set(topic, observers)
    observers.add(observer)
    observer(this.#countOf(topic) > 0)
    return () => observers.delete(observer)
  }

  #countOf(topic: Topic): number {
    return this.#counts.get(topic) ?? 0
  }

  #count(topic: Topic, change: 1 | -1): void {
    const before = this.#countOf(topic)
    const now = before + change
    this.#counts.set(topic, now)
    if (before > 0 !== now > 0) for (const observer of this.#observers.get(topic) ?? []) observer(now > 0)
  }
}
