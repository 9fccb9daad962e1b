/**
 * OpenAiRequest: writes the requests of OpenAI's `/chat/completions`. OpenAiProvider uses it.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type { ThinkingLevel } from "../../../domain/Run.ts"
import { textOrJson } from "../../../domain/Text.ts"
import type { Fields } from "../ChatModel.ts"
import { at } from "../JsonValue.ts"
import type { ModelFacts } from "../ModelProvider.ts"
import { omitted, sourceOf, textOf } from "../PromptFiles.ts"

export const body = ({ prompt, toolChoice, tools }: LanguageModel.ProviderOptions, { id }: ModelFacts): Fields => ({
  model: id,
  stream: true,
  stream_options: { include_usage: true },
  messages: prompt.content.flatMap(messagesOf),
  ...(tools.length > 0 && { tools: tools.map(toolOf), ...choiceOf(toolChoice) }),
})

const toolOf = (tool: Tool.Any): Fields => ({
  type: "function",
  function: { name: tool.name, description: Tool.getDescription(tool), parameters: Tool.getJsonSchema(tool) },
})

/** `auto` is the default of every server. */
const choiceOf = (choice: LanguageModel.ProviderOptions["toolChoice"]): Fields => {
  if (choice === "auto") return {}
  if (typeof choice === "string") return { tool_choice: choice }
  if ("tool" in choice) return { tool_choice: { type: "function", function: { name: choice.tool } } }
  return choice.mode === "required" ? { tool_choice: "required" } : {}
}

const messagesOf = (message: Prompt.Message): ReadonlyArray<Fields> => {
  switch (message.role) {
    case "system":
      return [{ role: "system", content: message.content }]
    case "user":
      return [{ role: "user", content: contentOf(message.content) }]
    case "tool": {
      const results = message.content.filter((part) => part.type === "tool-result")
      const files = results.flatMap(shownFiles)
      return [
        ...results.map((part) => ({ role: "tool", tool_call_id: part.id, content: resultOf(part) })),
        ...(files.length > 0 ? [{ role: "user", content: contentOf(files) }] : []),
      ]
    }
    case "assistant":
      return [assistantOf(message)]
  }
}

/** Many servers accept nothing but a text, so only files need a list. */
const contentOf = (parts: Prompt.UserMessage["content"]): string | ReadonlyArray<Fields> =>
  parts.every((part) => part.type === "text")
    ? parts.map((part) => (part.type === "text" ? part.text : "")).join("\n")
    : parts.map((part) => (part.type === "text" ? { type: "text", text: part.text } : fileOf(part)))

const fileOf = (file: Prompt.FilePart): Fields => {
  const text = textOf(file)
  if (text !== undefined) return { type: "text", text }
  const source = sourceOf(file)
  if (file.mediaType.startsWith("image/")) {
    const url = source._tag === "Address" ? source.url : `data:${source.mediaType};base64,${source.base64}`
    return { type: "image_url", image_url: { url } }
  }
  if (source._tag === "Address" || file.mediaType !== "application/pdf") return { type: "text", text: omitted(file) }
  const data = `data:${source.mediaType};base64,${source.base64}`
  return { type: "file", file: { filename: file.fileName ?? "file.pdf", file_data: data } }
}

/** The API takes texts only in results, so a user's message after all results shows the files. */
const resultOf = ({ modelOutput, result }: Prompt.ToolResultPart): string =>
  modelOutput === undefined
    ? textOrJson(result)
    : modelOutput
        .map((part) => (part.type === "text" ? part.text : `[The next message shows the file ${nameOf(part)}.]`))
        .join("\n")

const shownFiles = ({ modelOutput = [], name }: Prompt.ToolResultPart): Prompt.UserMessage["content"] =>
  modelOutput.flatMap((part) =>
    part.type === "text"
      ? []
      : [Prompt.textPart({ text: `[The tool ${name} returned the file ${nameOf(part)}:]` }), part],
  )

const nameOf = ({ fileName, mediaType }: Prompt.FilePart): string =>
  fileName === undefined ? mediaType : JSON.stringify(fileName)

/** The fields in which servers send thoughts. DeepSeek wants them back during a tool loop, in the same field. */
export const THOUGHT_FIELDS = ["reasoning_content", "reasoning"] as const

const assistantOf = ({ content }: Prompt.AssistantMessage): Fields => {
  const text = content.map((part) => (part.type === "text" ? part.text : "")).join("")
  const calls = content.flatMap((part) => (part.type === "tool-call" ? [callOf(part)] : []))
  const thoughts = content.flatMap((part) =>
    part.type === "reasoning" && at(part.options, "openai", "field") === "reasoning_content" ? [part.text] : [],
  )
  return {
    role: "assistant",
    content: text === "" && calls.length > 0 ? null : text,
    ...(thoughts.length > 0 && calls.length > 0 && { reasoning_content: thoughts.join("") }),
    ...(calls.length > 0 && { tool_calls: calls }),
  }
}

/** Gemini refuses its own calls without the signature that it sends in `extra_content`. */
const callOf = ({ id, name, options, params }: Prompt.ToolCallPart): Fields => {
  const extra = at(options, "openai", "extra")
  return {
    id,
    type: "function",
    function: { name, arguments: textOrJson(params ?? {}) },
    ...(extra !== undefined && { extra_content: extra }),
  }
}

/** Returns the forms of a level. OpenRouter has an object of its own, and older models know no effort. */
export const thinkingForms = (level: ThinkingLevel, host: string): ReadonlyArray<Fields> => {
  const effort = level === "off" ? "none" : level
  if (host === "openrouter.ai" || host.endsWith(".openrouter.ai")) {
    return [{ reasoning: level === "off" ? { enabled: false } : { effort } }, {}]
  }
  // Models that do not know the lowest or the highest level know its neighbour.
  const neighbour = { minimal: "low", xhigh: "high" }[String(level)]
  return [{ reasoning_effort: effort }, ...(neighbour === undefined ? [] : [{ reasoning_effort: neighbour }]), {}]
}
