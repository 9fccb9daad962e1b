import { describe, expect, it } from "@effect/vitest"
import { redact } from "../../../src/services/logs/Redaction.ts"

const secret = "qX3_kq-0yZ81token"

describe("Redaction", () => {
  it.each([
    `the token is ${secret}`,
    `${secret}${secret}`,
    `wss://gateway.example.org/rpc?token=${secret}&x=1`,
    `Authorization: Bearer ${secret}`,
    `{"token":"${secret}"}`,
    `a?t=${encodeURIComponent(secret)}`,
  ])("A known secret is removed from `%s`.", (text) => {
    expect(redact(text, [secret])).not.toContain(secret)
  })

  it.each([
    ["Authorization: Bearer abc.def-ghi_jkl==", "Authorization: Bearer <redacted>"],
    ["bearer abcdefgh and more", "bearer <redacted> and more"],
    ["GET /ws?token=abc&session=1", "GET /ws?token=<redacted>&session=1"],
    ["wss://h/?access_token=abc", "wss://h/?access_token=<redacted>"],
    ['{"auth":{"token":"abc","password": "d e f"}}', '{"auth":{"token":"<redacted>","password": "<redacted>"}}'],
    ["postgres://causeway:p%40ss@db:5432/x fails", "postgres://causeway:<redacted>@db:5432/x fails"],
    ["api_key=abc, name=x", "api_key=<redacted>, name=x"],
    ['{"clientSecret":"abc"}', '{"clientSecret":"<redacted>"}'],
  ])("A value in the place of a credential is removed from `%s`.", (text, clean) => {
    expect(redact(text, [])).toBe(clean)
  })

  it.each([
    "inputTokens=12 of 40",
    "http://127.0.0.1:80/a@b",
    "the bearer of bad news",
    "3 tokens, no secrets",
    "tokenizer: fast",
  ])("The text `%s` stays as it is.", (text) => {
    expect(redact(text, [])).toBe(text)
  })

  it("A secret shorter than 6 characters is not replaced.", () => {
    expect(redact("a quick brown fox", ["a"])).toBe("a quick brown fox")
  })
})
