import { describe, expect, it } from "@effect/vitest"
import { redact } from "../../../src/services/logs/Redaction.ts"

const secret = "qX3_kq-0yZ81token"

describe("redaction", () => {
  it.each([
    `the token is ${secret}`,
    `${secret}${secret}`,
    `wss://gateway.example.org/rpc?token=${secret}&x=1`,
    `Authorization: Bearer ${secret}`,
    `{"token":"${secret}"}`,
    `a?t=${encodeURIComponent(secret)}`,
  ])("takes a known secret out of %s", (text) => {
    expect(redact(text, [secret])).not.toContain(secret)
  })

  it.each([
    ["Authorization: Bearer abc.def-ghi_jkl==", "Authorization: Bearer <redacted>"],
    ["bearer abcdefgh and more", "bearer <redacted> and more"],
    ["GET /ws?token=abc&session=1", "GET /ws?token=<redacted>&session=1"],
    ["wss://h/?access_token=abc", "wss://h/?access_token=<redacted>"],
    ['{"auth":{"token":"abc","password": "d e f"}}', '{"auth":{"token":"<redacted>","password": "<redacted>"}}'],
    ["api_key=abc, name=x", "api_key=<redacted>, name=x"],
    ['{"clientSecret":"abc"}', '{"clientSecret":"<redacted>"}'],
  ])("takes what stands in the place of a credential out of %s", (text, clean) => {
    expect(redact(text, [])).toBe(clean)
  })

  it.each(["inputTokens=12 of 40", "the bearer of bad news", "3 tokens, no secrets", "tokenizer: fast"])(
    "leaves %s as it is",
    (text) => {
      expect(redact(text, [])).toBe(text)
    },
  )

  it.each(["a-b_", "token ", 'token":"', "bearer ", "token=", '"', "secret : "])(
    "takes no longer for a long text of %j than for its length",
    (part) => {
      const ops = (length: number) => {
        const text = part.repeat(Math.ceil(length / part.length))
        const began = performance.now()
        redact(text, [secret])
        return performance.now() - began
      }
      ops(1_000)
      // Quadratic would be tens of seconds.
      expect(ops(1_000_000)).toBeLessThan(2_000)
    },
  )

  it("does not make a word of every short secret", () => {
    expect(redact("a quick brown fox", ["a"])).toBe("a quick brown fox")
  })
})
