/**
 * ModelUsage: the tokens of one model call, for the two forms in which they occur: effect/ai's and the domain's. Providers
 * report nonsense at times, so every figure is checked. The kinds of providers and the runtimes use it.
 */
import type * as Response from "effect/ai/Response"
import type { Usage } from "../../domain/Message.ts"

type Encoded = Response.FinishPartEncoded["usage"]

/** Returns a count of tokens, or `undefined` if the provider's value cannot be one. */
export const tokens = (value: unknown): number | undefined =>
  // A negative zero passes the comparison.
  typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= MAX_TOKENS
    ? Math.abs(value)
    : undefined

const MAX_TOKENS = 1_000_000_000

/** The figures as a provider reports them. `input` counts all tokens of the prompt. */
export interface Reported {
  readonly input?: unknown
  readonly cacheRead?: unknown
  readonly cacheWrite?: unknown
  readonly output?: unknown
  readonly reasoning?: unknown
}

/** Returns the usage for a `finish` part. Leaves out figures that cannot be true. */
export const encodedUsage = (reported: Reported): Encoded => {
  const total = tokens(reported.input)
  const within = (value: unknown, whole: number | undefined) => {
    const part = tokens(value)
    // A part of an unknown whole proves nothing.
    return part === undefined || whole === undefined ? undefined : Math.min(part, whole)
  }
  const cacheRead = within(reported.cacheRead, total)
  const cacheWrite = within(reported.cacheWrite, total === undefined ? undefined : total - (cacheRead ?? 0))
  const output = tokens(reported.output)
  const reasoning = within(reported.reasoning, output)
  return {
    inputTokens: {
      total,
      cacheRead,
      cacheWrite,
      uncached: total === undefined ? undefined : total - (cacheRead ?? 0) - (cacheWrite ?? 0),
    },
    outputTokens: {
      total: output,
      reasoning,
      text: output === undefined ? undefined : output - (reasoning ?? 0),
    },
  }
}

/** Returns the usage of a `finish` part for the transcript, or `undefined` if the provider reports none. */
export const usageOf = ({ inputTokens, outputTokens }: Encoded): Usage | undefined => {
  if (inputTokens.total === undefined && outputTokens.total === undefined) return undefined
  const input = inputTokens.total ?? 0
  const output = outputTokens.total ?? 0
  return {
    inputTokens: input,
    ...(inputTokens.cacheRead !== undefined &&
      inputTokens.cacheRead > 0 && { cachedInputTokens: inputTokens.cacheRead }),
    outputTokens: output,
    contextTokens: input + output,
  }
}
