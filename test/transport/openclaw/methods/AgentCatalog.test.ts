/** AgentCatalog: the names of models, as clients read and write them. */
import { describe, expect, it } from "@effect/vitest"
import { modelId, modelRef, nameOf } from "../../../../src/transport/openclaw/methods/AgentCatalog.ts"

const model = (runtime: string, id: string) => ({ id, name: id, runtime, contextWindow: null })
const hosted = model("model", "openrouter/qwen/qwen3")
const echo = model("echo", "echo")
const models = [echo, hosted]

describe("AgentCatalog", () => {
  it("A model has the provider in its id, and else its runtime, as its provider.", () => {
    expect(nameOf(hosted)).toEqual({ provider: "openrouter", model: "qwen/qwen3" })
    expect(nameOf(echo)).toEqual({ provider: "echo", model: "echo" })
    expect(models.map(modelRef)).toEqual(["echo/echo", "openrouter/qwen/qwen3"])
  })

  it("A client names a model with or without its provider. An unknown name stays as it is.", () => {
    for (const ref of ["openrouter/qwen/qwen3", "qwen/qwen3"]) expect(modelId(models, ref)).toBe(hosted.id)
    for (const ref of ["echo/echo", "echo"]) expect(modelId(models, ref)).toBe("echo")
    expect(modelId(models, "other/model")).toBe("other/model")
  })
})
