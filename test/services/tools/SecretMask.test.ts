import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { SecretMask } from "../../../src/services/tools/SecretMask.ts"

/** Texts of few letters, so that they often contain or begin a secret. */
const Letters = Schema.Array(Schema.Literals(["a", "b", "c"]))
const Pieces = Schema.Array(Letters)
const Secrets = Schema.Array(Letters)

const masked = (pieces: ReadonlyArray<string>, secrets: ReadonlyArray<string>): string => {
  const mask = new SecretMask()
  return pieces.map((piece) => mask.next(piece, secrets)).join("") + mask.last("", secrets)
}

const texts = (lists: ReadonlyArray<ReadonlyArray<string>>) => lists.map((letters) => letters.join(""))

describe("SecretMask", () => {
  it.prop(
    "A text in pieces has the masks of the whole text, and no secret.",
    [Pieces, Secrets],
    ([pieces, some]) => {
      const secrets = texts(some).filter((secret) => secret !== "")
      const whole = texts(pieces).join("")
      const result = masked(texts(pieces), secrets)
      expect(result).toBe(masked([whole], secrets))
      expect(result).toBe(masked([...whole], secrets))
      const rest = result.split("[secret]")
      for (const secret of secrets) expect(rest.some((part) => part.includes(secret))).toBe(false)
      if (secrets.every((secret) => !whole.includes(secret))) expect(result).toBe(whole)
    },
    { arbitrary: { runs: 500, size: 12 } },
  )

  it("A piece is held back only as far as it may be the beginning of a secret.", () => {
    const mask = new SecretMask()
    const secrets = ["hunter2"]
    expect(mask.next("The password is hun", secrets)).toBe("The password is ")
    expect(mask.next("ting", secrets)).toBe("hunting")
    expect(mask.next(" or hunter2!", secrets)).toBe(" or [secret]!")
    expect(mask.last(" hunt", secrets)).toBe(" hunt")
  })

  it("The longest secret counts where several begin.", () => {
    expect(masked(["abcd", "ef"], ["abcd", "abcdef"])).toBe("[secret]")
    expect(masked(["abcd", "e."], ["abcd", "abcdef"])).toBe("[secret]e.")
  })

  it("Long texts that almost match take linear time for each secret.", () => {
    const secret = `${"a".repeat(4_000)}b`
    const mask = new SecretMask()
    let chars = 0
    for (let piece = 0; piece < 200; piece++) chars += mask.next("a".repeat(50), [secret]).length
    expect(chars + mask.last("", [secret]).length).toBe(10_000)
  })
})
