/**
 * Requests: the requests that wait for an answer, by id. Connection.ts fills it from the conversation.
 */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import type { Result } from "./Conversation.ts"
import { type OpenClawError, RequestRefused, RequestUnanswered } from "./OpenClawError.ts"

/** The number of requests that one client may have open. The reference gateway serves 256 for all of its clients. */
const MAX_OPEN = 256

export interface OpenRequest {
  readonly method: string
  /** Done with the first answer, of one or of two. */
  readonly first: Deferred.Deferred<unknown, OpenClawError>
  readonly last: Deferred.Deferred<unknown, OpenClawError>
}

const exitOf = (method: string, result: Result): Effect.Effect<unknown, RequestRefused> => {
  if (result._tag === "Payload") return Effect.succeed(result.payload)
  const { code, details, message, retryAfterMs, retryable } = result.error
  return Effect.fail(
    new RequestRefused({
      method,
      code,
      reason: message,
      retryable: retryable === true,
      ...(details !== undefined && { details }),
      ...(typeof retryAfterMs === "number" && { retryAfterMs }),
    }),
  )
}

export class Requests {
  readonly #open = new Map<string, OpenRequest>()

  get isFull(): boolean {
    return this.#open.size >= MAX_OPEN
  }

  open(id: string, method: string): OpenRequest {
    const request = {
      method,
      first: Deferred.makeUnsafe<unknown, OpenClawError>(),
      last: Deferred.makeUnsafe<unknown, OpenClawError>(),
    }
    this.#open.set(id, request)
    return request
  }

  forget(id: string): void {
    this.#open.delete(id)
  }

  accepted(id: string, payload: unknown): void {
    const request = this.#open.get(id)
    if (request !== undefined) Deferred.doneUnsafe(request.first, Effect.succeed(payload))
  }

  answered(id: string, result: Result): void {
    const request = this.#open.get(id)
    if (request !== undefined) this.#end(request, exitOf(request.method, result))
  }

  /** Fails every open request. */
  lost(): void {
    for (const request of this.#open.values()) {
      const { method } = request
      this.#end(request, Effect.fail(new RequestUnanswered({ method, reason: "connection-lost" })))
    }
  }

  #end({ first, last }: OpenRequest, exit: Effect.Effect<unknown, OpenClawError>): void {
    Deferred.doneUnsafe(first, exit)
    Deferred.doneUnsafe(last, exit)
  }
}
