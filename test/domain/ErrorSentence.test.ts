import { describe, expect, it } from "@effect/vitest"
import { errorSentence } from "../../src/domain/ErrorSentence.ts"

describe("errorSentence", () => {
  it.each([
    ["AgentNotFound", "Agent not found"],
    ["Forbidden", "Forbidden"],
    ["PairingScopesDiffer", "Pairing scopes differ"],
  ])("The tag %s becomes %j.", (tag, sentence) => {
    expect(errorSentence(tag)).toBe(sentence)
  })
})
