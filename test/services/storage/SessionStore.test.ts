import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { preview } from "../../../src/services/storage/SessionStore.ts"

describe("preview", () => {
  it.prop(
    "A preview has at most 200 characters of the text and cuts no character.",
    [Schema.Array(Schema.Literals(["a", "😀", "é"]))],
    ([parts]) => {
      const text = parts.join("")
      const cut = preview(text)
      expect(text.startsWith(cut)).toBe(true)
      expect(cut.isWellFormed()).toBe(true)
      expect(cut.length).toBeLessThanOrEqual(200)
      expect(cut.length).toBeGreaterThanOrEqual(Math.min(text.length, 199))
    },
    { arbitrary: { size: 400 } },
  )
})
