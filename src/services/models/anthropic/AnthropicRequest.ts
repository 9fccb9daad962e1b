/**
 * AnthropicRequest: writes the requests of Anthropic's `/v1/messages`. AnthropicProvider uses it.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type { ThinkingLevel } from "../../../domain/Run.ts"
import { textOrJson } from "../../../domain/Text.ts"
import type { Fields } from "../ChatModel.ts"
import { at, textAt } from "../JsonValue.ts"
import type { ModelFacts } from "../ModelProvider.ts"
import { omitted, sourceOf, textOf } from "../PromptFiles.ts"

/** The length of an answer, if nothing names the longest one. Every model can write this much. */
const DEFAULT_OUTPUT_TOKENS = 4_096

const outputTokens = ({ maxOutputTokens = DEFAULT_OUTPUT_TOKENS }: ModelFacts): number => maxOutputTokens

export const body = ({ prompt, toolChoice, tools }: LanguageModel.ProviderOptions, model: ModelFacts): Fields => {
  const system = prompt.content.flatMap((message) => (message.role === "system" ? [message.content] : [])).join("\n\n")
  return {
    model: model.id,
    stream: true,
    max_tokens: outputTokens(model),
    ...(system !== "" && { system: [{ type: "text", text: system, cache_control: CACHE }] }),
    messages: cached(messagesOf(prompt)),
    ...(tools.length > 0 && { tools: tools.map(toolOf), ...choiceOf(toolChoice) }),
  }
}

/** Marks the end of a part of the request that the next step of the conversation repeats. Cached tokens cost a tenth. */
const CACHE = { type: "ephemeral" }

/** Thoughts cannot carry the mark. */
const cached = (messages: ReadonlyArray<Message>): ReadonlyArray<Message> => {
  const last = messages.at(-1)
  const block = last?.content.at(-1)
  if (last?.role !== "user" || block === undefined) return messages
  const marked = { ...last, content: [...last.content.slice(0, -1), { ...block, cache_control: CACHE }] }
  return [...messages.slice(0, -1), marked]
}

const toolOf = (tool: Tool.Any): Fields => ({
  name: tool.name,
  description: Tool.getDescription(tool),
  input_schema: Tool.getJsonSchema(tool),
})

const choiceOf = (choice: LanguageModel.ProviderOptions["toolChoice"]): Fields => {
  if (choice === "auto") return {}
  if (choice === "required") return { tool_choice: { type: "any" } }
  if (typeof choice === "string") return { tool_choice: { type: choice } }
  if ("tool" in choice) return { tool_choice: { type: "tool", name: choice.tool } }
  return choice.mode === "required" ? { tool_choice: { type: "any" } } : {}
}

interface Message {
  readonly role: "user" | "assistant"
  readonly content: Array<Fields>
}

/** Returns the messages. Roles alternate, so neighbours with the same role become one. */
const messagesOf = (prompt: Prompt.Prompt): ReadonlyArray<Message> => {
  const messages: Array<Message> = []
  const add = (role: Message["role"], blocks: ReadonlyArray<Fields>) => {
    if (blocks.length === 0) return
    const last = messages.at(-1)
    if (last?.role === role) last.content.push(...blocks)
    else messages.push({ role, content: [...blocks] })
  }
  for (const message of prompt.content) {
    if (message.role === "user") add("user", message.content.flatMap(userBlocks))
    if (message.role === "assistant") add("assistant", message.content.flatMap(assistantBlocks))
    if (message.role === "tool") {
      add(
        "user",
        message.content.flatMap((part) => (part.type === "tool-result" ? [resultBlock(part)] : [])),
      )
    }
  }
  return messages
}

/** The API refuses empty texts. */
const textBlocks = (text: string): ReadonlyArray<Fields> => (text.trim() === "" ? [] : [{ type: "text", text }])

const userBlocks = (part: Prompt.UserMessage["content"][number]): ReadonlyArray<Fields> =>
  part.type === "text" ? textBlocks(part.text) : [fileBlock(part)]

const fileBlock = (file: Prompt.FilePart): Fields => {
  const text = textOf(file)
  if (text !== undefined) return { type: "text", text }
  const type = file.mediaType.startsWith("image/") ? "image" : "document"
  if (type === "document" && file.mediaType !== "application/pdf") return { type: "text", text: omitted(file) }
  const source = sourceOf(file)
  return {
    type,
    source:
      source._tag === "Address"
        ? { type: "url", url: source.url }
        : { type: "base64", media_type: source.mediaType, data: source.base64 },
  }
}

const resultBlock = ({ id, isFailure, modelOutput, result }: Prompt.ToolResultPart): Fields => ({
  type: "tool_result",
  tool_use_id: id,
  ...(isFailure && { is_error: true }),
  content:
    modelOutput?.flatMap((part) => (part.type === "text" ? textBlocks(part.text) : [fileBlock(part)])) ??
    textOrJson(result),
})

/** Thoughts go back with their signature. The API refuses thoughts without one, so those of other providers stay away. */
const assistantBlocks = (part: Prompt.AssistantMessage["content"][number]): ReadonlyArray<Fields> => {
  switch (part.type) {
    case "text":
      return textBlocks(part.text)
    case "reasoning": {
      const hidden = textAt(part.options, "anthropic", "redacted")
      if (hidden !== undefined) return [{ type: "redacted_thinking", data: hidden }]
      const signature = textAt(part.options, "anthropic", "signature")
      return signature === undefined ? [] : [{ type: "thinking", thinking: part.text, signature }]
    }
    case "tool-call": {
      const input = at(part, "params")
      return [{ type: "tool_use", id: part.id, name: part.name, input: typeof input === "object" ? input : {} }]
    }
    default:
      return []
  }
}

/** Tokens for thinking, for models that take a number. The API's minimum is 1,024. */
const budgets = { minimal: 1_024, low: 2_048, medium: 8_192, high: 16_384, xhigh: 32_768 } as const

const efforts = { minimal: "low", low: "low", medium: "medium", high: "high", xhigh: "xhigh" } as const

/** Returns the forms of a level. Models from Claude 4.6 on choose their thinking by an effort, older ones take a budget. */
export const thinkingForms = (level: ThinkingLevel, model: ModelFacts): ReadonlyArray<Fields> => {
  if (level === "off") return [{ thinking: { type: "disabled" } }, {}]
  const adaptive = { type: "adaptive", display: "summarized" }
  const longest = outputTokens(model)
  // The answer needs room beside the thoughts.
  const budget = Math.max(1_024, Math.min(budgets[level], Math.floor(longest / 2)))
  return [
    { thinking: adaptive, output_config: { effort: efforts[level] } },
    ...(level === "xhigh" ? [{ thinking: adaptive, output_config: { effort: "high" } }] : []),
    { thinking: { type: "enabled", budget_tokens: budget }, max_tokens: Math.max(longest, budget + 1_024) },
    {},
  ]
}
