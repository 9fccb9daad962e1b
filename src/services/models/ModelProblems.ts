/**
 * ModelProblems: turns the problems of providers into errors of effect/ai and back, so that each keeps its kind on its way
 * through LanguageModel. The kinds of providers make them, and runtimes read them with `problemOf`.
 */
import * as AiError from "effect/ai/AiError"
import * as Duration from "effect/Duration"
import { ModelProblem } from "../../domain/Model.ts"
import type { ProblemKind } from "../../domain/RunError.ts"

/** The sentence of a problem travels in the metadata of the reason. NetworkError has no metadata, so it is not used. */
const KEY = "causeway"

/** Returns the problem as an error of effect/ai. */
export const toAiError = (problem: ModelProblem): AiError.AiError =>
  AiError.make({ module: problem.provider, method: "streamText", reason: reasonOf(problem) })

const reasonOf = ({ kind, message, provider, retryAfterMs }: ModelProblem): AiError.AiErrorReason => {
  const common = { description: message, metadata: { [KEY]: { kind, message, provider } } }
  switch (kind) {
    case "authentication":
      return new AiError.AuthenticationError({ kind: "Unknown", ...common })
    case "rate-limit":
      return new AiError.RateLimitError({
        ...common,
        ...(retryAfterMs !== undefined && { retryAfter: Duration.millis(retryAfterMs) }),
      })
    case "quota":
      return new AiError.QuotaExhaustedError(common)
    case "refusal":
      return new AiError.ContentPolicyError(common)
    case "configuration":
    case "context-length":
    case "invalid-request":
      return new AiError.InvalidRequestError(common)
    case "network":
    case "server":
    case "timeout":
      return new AiError.InternalProviderError(common)
    case "invalid-response":
      return new AiError.InvalidResponseError(common)
  }
}

const kinds: Partial<Record<AiError.AiErrorReason["_tag"], ProblemKind>> = {
  RateLimitError: "rate-limit",
  QuotaExhaustedError: "quota",
  AuthenticationError: "authentication",
  ContentPolicyError: "refusal",
  InvalidRequestError: "invalid-request",
  InternalProviderError: "server",
  NetworkError: "network",
}

/** Returns the problem of an error of a provider's model. Errors of effect/ai itself count as an invalid response. */
export const problemOf = ({ module, reason, retryAfter }: AiError.AiError): ModelProblem => {
  const kept = "metadata" in reason ? reason.metadata[KEY] : undefined
  const { kind, message, provider } =
    typeof kept === "object" && kept !== null && !Array.isArray(kept)
      ? kept
      : { kind: kinds[reason._tag] ?? "invalid-response", message: reason.message, provider: module }
  return ModelProblem.make({
    // The kind comes from `toAiError`.
    kind: kind as ProblemKind,
    provider: String(provider),
    message: String(message),
    ...(retryAfter !== undefined && { retryAfterMs: Duration.toMillis(retryAfter) }),
  })
}
