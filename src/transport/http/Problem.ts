/**
 * Problem: the error responses of HTTP routes. By default the body is `{ error }`. A family of routes may write all of its
 * errors in another form, also those that ApiRoutes.ts and FallbackRoute.ts return before a route runs.
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { RateLimited, Unauthenticated } from "../../domain/Refusal.ts"

type Response = HttpServerResponse.HttpServerResponse
type Headers = Readonly<Record<string, string>>

/** The facts of an error response. */
export interface Problem {
  readonly status: number
  /** Text for people. */
  readonly error: string
  readonly headers: Headers
  /** The refusal of the contract that the response stands for. */
  readonly refusal: Unauthenticated | RateLimited | undefined
}

/** Writes an error response. */
export type ErrorForm = (problem: Problem) => Response

/** Returns the header that tells a client how long to wait. */
export const retryAfter = (ms: number): Headers => ({ "retry-after": `${Math.ceil(ms / 1_000)}` })

const problems = new WeakMap<Response, Problem>()

/** Returns an error response with the body `{ error }`. */
export const problem = (
  status: number,
  error: string,
  headers: Headers = {},
  refusal?: Unauthenticated | RateLimited,
): Response => {
  const response = HttpServerResponse.jsonUnsafe({ error }, { status, headers })
  problems.set(response, { status, error, headers, refusal })
  return response
}

/** Returns a response of `problem` in the form, and any other response as it is. */
export const inForm = (form: ErrorForm | undefined, response: Response): Response => {
  const facts = form && problems.get(response)
  return facts === undefined ? response : form!(facts)
}
