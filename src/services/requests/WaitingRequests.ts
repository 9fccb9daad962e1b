/**
 * The requests of one kind that wait for an operator, in memory. One observer of the events feeds it, so it agrees with
 * the published events. Requests.ts uses it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"

interface Entry<A> {
  readonly request: A
  readonly resolved: Deferred.Deferred<A>
}

export class WaitingRequests<A extends { readonly id: string; readonly runId: string }> {
  readonly #entries = new Map<string, Entry<A>>()

  get size(): number {
    return this.#entries.size
  }

  /** Returns all requests, or those of a run, oldest first. */
  list(runId?: string): ReadonlyArray<A> {
    const all = Array.from(this.#entries.values(), ({ request }) => request)
    return runId === undefined ? all : all.filter((request) => request.runId === runId)
  }

  /** Returns the ids that are the text or begin with it. A whole id comes alone. */
  matching(text: string): ReadonlyArray<string> {
    if (this.#entries.has(text)) return [text]
    return [...this.#entries.keys()].filter((id) => id.startsWith(text))
  }

  /** Returns the Effect that waits for the end of a request, or `undefined` if it does not wait. */
  resolved(id: string): Effect.Effect<A> | undefined {
    const entry = this.#entries.get(id)
    return entry === undefined ? undefined : Deferred.await(entry.resolved)
  }

  add(request: A): void {
    this.#entries.set(request.id, { request, resolved: Deferred.makeUnsafe() })
  }

  resolve(request: A): void {
    const entry = this.#entries.get(request.id)
    this.#entries.delete(request.id)
    if (entry !== undefined) Deferred.doneUnsafe(entry.resolved, Effect.succeed(request))
  }
}
