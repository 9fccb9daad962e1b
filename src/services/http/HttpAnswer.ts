/**
 * HttpAnswer: reads the answer of another server within bounds. ProviderHttp, HttpFetch and UpstreamPoll use it.
 */
import * as Effect from "effect/Effect"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Stream from "effect/Stream"

/** The first bytes of an answer. `isCut`: it has more. */
export interface Body {
  readonly bytes: Buffer
  readonly isCut: boolean
}

/** Reads at most `max` bytes, and stops reading there. */
export const bodyOf = (
  { stream }: HttpClientResponse.HttpClientResponse,
  max: number,
): Effect.Effect<Body, HttpClientError.HttpClientError> =>
  Effect.suspend(() => {
    let size = 0
    return stream.pipe(
      Stream.takeUntil((chunk) => (size += chunk.length) > max),
      Stream.runCollect,
      Effect.map((chunks) => ({ bytes: Buffer.concat(chunks).subarray(0, max), isCut: size > max })),
    )
  })

/** Returns the code of a network error. Its text may contain more of the address than a log should show. */
export const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "no answer"
