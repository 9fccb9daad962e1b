/**
 * AgentUsage: the tokens that an agent reports at the end of a prompt, as the gateway counts them. The functions are pure.
 * AgentConnection and AgentOutput use them.
 */
import * as Schema from "effect/Schema"
import type { Usage } from "../../../domain/Message.ts"
import { maybe } from "./AgentUpdates.ts"

/** Not in the protocol yet, but several agents send it with the end of a prompt. `inputTokens` has no cached tokens. */
export const AgentUsage = Schema.Struct({
  inputTokens: Schema.Finite,
  outputTokens: Schema.Finite,
  cachedReadTokens: maybe(Schema.Finite),
  cachedWriteTokens: maybe(Schema.Finite),
})
export type AgentUsage = typeof AgentUsage.Type

/** Returns the number of tokens as an integer. An agent may report nonsense. */
export const tokensOf = (count: number | null | undefined): number =>
  Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.round(count ?? 0)))

export const usageOf = ({ cachedReadTokens, cachedWriteTokens, inputTokens, outputTokens }: AgentUsage): Usage => {
  const cached = tokensOf(cachedReadTokens)
  return {
    inputTokens: tokensOf(tokensOf(inputTokens) + cached + tokensOf(cachedWriteTokens)),
    outputTokens: tokensOf(outputTokens),
    ...(cached > 0 && { cachedInputTokens: cached }),
  }
}
