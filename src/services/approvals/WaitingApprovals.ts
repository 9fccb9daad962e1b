/**
 * The approvals that wait for a decision, in memory. One observer of the events feeds it, so it agrees with the published
 * events. Approvals uses it.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Approval } from "../../domain/Approval.ts"
import type { GatewayEvent } from "../../domain/Event.ts"

interface Entry {
  readonly approval: Approval
  readonly resolved: Deferred.Deferred<Approval>
}

export class WaitingApprovals {
  readonly #entries = new Map<string, Entry>()

  get size(): number {
    return this.#entries.size
  }

  /** Returns all approvals, or those of a run, oldest first. */
  list(runId?: string): ReadonlyArray<Approval> {
    const all = Array.from(this.#entries.values(), ({ approval }) => approval)
    return runId === undefined ? all : all.filter((approval) => approval.runId === runId)
  }

  /** Returns the ids that are the text or begin with it. A whole id comes alone. */
  matching(text: string): ReadonlyArray<string> {
    if (this.#entries.has(text)) return [text]
    return [...this.#entries.keys()].filter((id) => id.startsWith(text))
  }

  /** Returns the Effect that waits for the end of an approval, or `undefined` if it does not wait. */
  resolved(id: string): Effect.Effect<Approval> | undefined {
    const entry = this.#entries.get(id)
    return entry === undefined ? undefined : Deferred.await(entry.resolved)
  }

  add(approval: Approval): void {
    this.#entries.set(approval.id, { approval, resolved: Deferred.makeUnsafe() })
  }

  apply(event: GatewayEvent): void {
    if (event._tag === "ApprovalRequested") this.add(event.approval)
    if (event._tag !== "ApprovalResolved") return
    const { approval } = event
    const entry = this.#entries.get(approval.id)
    this.#entries.delete(approval.id)
    if (entry !== undefined) Deferred.doneUnsafe(entry.resolved, Effect.succeed(approval))
  }
}
