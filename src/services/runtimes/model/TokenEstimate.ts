/**
 * Estimates the tokens of messages without the tokenizer of their model. History.ts, Trimming.ts, Compaction.ts and
 * ModelRun.ts use it.
 *
 * The estimate is one token for 3.5 bytes of UTF-8, and eight for each message or part. English prose has about four bytes
 * per token, code and most other scripts about three. `corrected` adapts it to the last count of the provider.
 */
import type * as Prompt from "effect/ai/Prompt"
import { textOrJson } from "../../../domain/Text.ts"
import { textCharsOf } from "./FilePlaceholder.ts"

const BYTES_PER_TOKEN = 3.5

/** The tokens around each message or part: its role, its borders and the id of a call. */
const FRAME_TOKENS = 8

/** The tokens of a picture of usual size at most providers. */
const FILE_TOKENS = 1_600

/** The estimate is wrong by no larger factor, unless the provider reports nonsense. */
const MIN_FACTOR = 0.5
const MAX_FACTOR = 4

export const tokensOfText = (text: string): number => Math.ceil(Buffer.byteLength(text) / BYTES_PER_TOKEN)

const tokensOfPart = (part: Exclude<Prompt.Message["content"], string>[number]): number => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return tokensOfText(part.text)
    case "file": {
      const chars = textCharsOf(part)
      return chars === undefined ? FILE_TOKENS : Math.ceil(chars / BYTES_PER_TOKEN)
    }
    case "tool-call":
      return tokensOfText(part.name) + tokensOfText(textOrJson(part.params))
    case "tool-result":
      return (part.modelOutput ?? []).reduce(
        (sum, output) => (output.type === "file" ? sum + tokensOfPart(output) : sum),
        tokensOfText(textOrJson(part.result)),
      )
    case "tool-approval-request":
    case "tool-approval-response":
      return 0
  }
}

export const tokensOfMessage = ({ content }: Prompt.Message): number => {
  if (typeof content === "string") return FRAME_TOKENS + tokensOfText(content)
  let tokens = FRAME_TOKENS
  for (const part of content) tokens += FRAME_TOKENS + tokensOfPart(part)
  return tokens
}

export const tokensOfMessages = (messages: ReadonlyArray<Prompt.Message>): number => {
  let tokens = 0
  for (const message of messages) tokens += tokensOfMessage(message)
  return tokens
}

/**
 * Returns the factor between the provider's counts and the estimates, after a call. A count that is missing or nonsense
 * leaves the factor as it is, or within 0.5 and 4.
 */
export const corrected = (factor: number, estimated: number, counted: number): number =>
  estimated <= 0 || counted <= 0 ? factor : Math.min(MAX_FACTOR, Math.max(MIN_FACTOR, counted / estimated))
