/**
 * AiSdkPrompt: writes the options of `doStream`, the call of the AI SDK's interface. AiSdkProvider uses it.
 */
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import type { ThinkingLevel } from "../../../domain/Run.ts"
import type { Fields } from "../ChatModel.ts"
import { sourceOf, textOf } from "../PromptFiles.ts"

export const callOptions = (
  { prompt, toolChoice, tools }: LanguageModel.ProviderOptions,
  thinking: ThinkingLevel | undefined,
): Fields => ({
  prompt: prompt.content.map(messageOf),
  ...(thinking !== undefined && { reasoning: thinking === "off" ? "none" : thinking }),
  ...(tools.length > 0 && { tools: tools.map(toolOf), toolChoice: choiceOf(toolChoice) }),
})

const toolOf = (tool: Tool.Any): Fields => ({
  type: "function",
  name: tool.name,
  description: Tool.getDescription(tool),
  inputSchema: Tool.getJsonSchema(tool),
})

const choiceOf = (choice: LanguageModel.ProviderOptions["toolChoice"]): Fields => {
  if (typeof choice === "string") return { type: choice }
  return "tool" in choice ? { type: "tool", toolName: choice.tool } : { type: choice.mode ?? "auto" }
}

const messageOf = (message: Prompt.Message): Fields =>
  message.role === "system"
    ? { role: "system", content: message.content }
    : { role: message.role, content: message.content.flatMap(partOf) }

/** The metadata of an answer goes back as it came, so that signatures of thoughts survive. */
const optionsOf = ({ options }: Prompt.Part): Fields =>
  Object.keys(options).length === 0 ? {} : { providerOptions: options }

const partOf = (part: Prompt.Part): ReadonlyArray<Fields> => {
  switch (part.type) {
    case "text":
    case "reasoning":
      return [{ type: part.type, text: part.text, ...optionsOf(part) }]
    case "file":
      return [fileOf(part)]
    case "tool-call":
      return [
        { type: "tool-call", toolCallId: part.id, toolName: part.name, input: part.params ?? {}, ...optionsOf(part) },
      ]
    case "tool-result":
      return [{ type: "tool-result", toolCallId: part.id, toolName: part.name, output: outputOf(part) }]
    default:
      return []
  }
}

const fileOf = (file: Prompt.FilePart): Fields => {
  const text = textOf(file)
  if (text !== undefined) return { type: "text", text }
  const source = sourceOf(file)
  return {
    type: "file",
    mediaType: source._tag === "Data" ? source.mediaType : file.mediaType,
    ...(file.fileName !== undefined && { filename: file.fileName }),
    data: source._tag === "Data" ? { type: "data", data: source.base64 } : { type: "url", url: new URL(source.url) },
  }
}

const outputOf = ({ isFailure, modelOutput, result }: Prompt.ToolResultPart): Fields => {
  if (modelOutput?.some(({ type }) => type === "file")) return { type: "content", value: modelOutput.flatMap(partOf) }
  const value = modelOutput === undefined ? result : Prompt.toolModelOutputToText(modelOutput)
  return typeof value === "string"
    ? { type: isFailure ? "error-text" : "text", value }
    : { type: isFailure ? "error-json" : "json", value: value ?? null }
}
