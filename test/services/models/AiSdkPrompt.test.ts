import { describe, expect, it } from "@effect/vitest"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Prompt from "effect/ai/Prompt"
import { callOptions } from "../../../src/services/models/ai-sdk/AiSdkPrompt.ts"

/** Returns the output of a tool's result in a call. */
const outputOf = (modelOutput: Prompt.ToolResultPart["modelOutput"], isFailure = false) => {
  const facts = { id: "c", name: "camera", isFailure, result: "took it", modelOutput, providerExecuted: false }
  const prompt = Prompt.fromMessages([Prompt.toolMessage({ content: [Prompt.toolResultPart(facts)] })])
  const options = { prompt, tools: [], toolChoice: "auto" } as unknown as LanguageModel.ProviderOptions
  return (callOptions(options, undefined) as any).prompt[0].content[0].output
}

const text = Prompt.textPart({ text: "took it" })

describe("The results of tools in a call of the AI SDK", () => {
  it("A file of a result is content beside its text.", () => {
    const file = Prompt.filePart({ mediaType: "image/png", fileName: "a.png", data: new Uint8Array([0, 1]) })
    expect(outputOf([text, file])).toEqual({
      type: "content",
      value: [
        { type: "text", text: "took it" },
        { type: "file", mediaType: "image/png", filename: "a.png", data: { type: "data", data: "AAE=" } },
      ],
    })
  })

  it("A result without files is a text.", () => {
    expect(outputOf([text])).toEqual({ type: "text", value: "took it" })
    expect(outputOf(undefined, true)).toEqual({ type: "error-text", value: "took it" })
  })
})
