import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { ModelProblem } from "../../../src/domain/Model.ts"
import { ProblemKind } from "../../../src/domain/RunError.ts"
import { withoutKeys } from "../../../src/services/models/KeyRedaction.ts"
import { problemOf, toAiError } from "../../../src/services/models/ModelProblems.ts"
import { encodedUsage, usageOf } from "../../../src/services/models/ModelUsage.ts"
import { kindOf, retryAfterOf, statusOf } from "../../../src/services/models/ProviderProblems.ts"
import { pauseAfter } from "../../../src/services/models/Retries.ts"

const error = (message: string, code?: string) => ({ error: { message, code } })

describe("kindOf", () => {
  it.each([
    [400, [{ error: { message: "API key not valid. Please pass a valid API key." } }], "authentication"],
    [400, error("the request exceeds the available context size", "exceed_context_size_error"), "context-length"],
    [413, undefined, "context-length"],
    [400, error("Your request was rejected by our safety system", "content_policy_violation"), "refusal"],
    [402, { message: "Payment required" }, "quota"],
    [429, error("Rate limit", "insufficient_quota"), "quota"],
    [429, undefined, "rate-limit"],
    [404, { detail: "Not Found" }, "configuration"],
    [400, error("model `x` does not exist"), "configuration"],
    [500, "nonsense", "server"],
    [418, {}, "invalid-request"],
  ] as const)("The status %i with the body %j is a problem of the kind %s.", (status, body, kind) => {
    expect(kindOf({ status, body })).toBe(kind)
  })

  it("Every status and body have a kind.", () => {
    for (let status = 400; status < 600; status++) {
      for (const body of [undefined, null, [], "text", { error: 7 }, { error: { message: 7 } }]) {
        expect(ProblemKind.literals).toContain(kindOf({ status, body }))
      }
    }
  })

  it("An error within a stream gets the status of its code or type.", () => {
    expect(statusOf({ error: { code: 429 } })).toBe(429)
    expect(statusOf({ error: { code: "502" } })).toBe(502)
    expect(statusOf({ type: "error", error: { type: "overloaded_error" } })).toBe(529)
    expect(statusOf({ error: "broken" })).toBe(500)
  })
})

describe("Pauses", () => {
  it.each([
    [{ "retry-after": "2" }, 2_000],
    [{ "retry-after-ms": "30", "retry-after": "9" }, 30],
    [{ "retry-after": "Thu, 01 Jan 1970 00:00:05 GMT" }, 4_000],
    [{ "retry-after": "Thu, 01 Jan 1970 00:00:00 GMT" }, 0],
    [{ "retry-after": "soon" }, undefined],
    [{ "retry-after": "-1" }, undefined],
    [{}, undefined],
  ])("The headers %j ask for a pause of %s ms.", (headers, pause) => {
    expect(retryAfterOf(headers, 1_000)).toBe(pause)
  })

  it("Pauses double, three attempts follow at most, and a long pause ends the attempts.", () => {
    const problem = (kind: ProblemKind, pause: { retryAfterMs?: number } = {}) =>
      new ModelProblem({ kind, provider: "x", message: "failed", ...pause })
    expect([0, 1, 2, 3].map((attempt) => pauseAfter(problem("server"), attempt))).toEqual([250, 500, 1_000, undefined])
    expect(pauseAfter(problem("quota"), 0)).toBeUndefined()
    expect(pauseAfter(problem("server", { retryAfterMs: 30_000 }), 0)).toBeUndefined()
  })
})

describe("ModelProblems", () => {
  it.each(ProblemKind.literals)("A problem of the kind %s survives its way through effect/ai.", (kind) => {
    const retryAfterMs = kind === "rate-limit" ? { retryAfterMs: 5 } : {}
    const problem = new ModelProblem({ kind, provider: "x", message: "the sentence", ...retryAfterMs })
    expect(problemOf(toAiError(problem))).toEqual(problem)
  })
})

describe("KeyRedaction", () => {
  const KEY = "k9-Zx81mmQvAb7731cdTT"

  it.each([
    `Incorrect API key provided: ${KEY}`,
    "Incorrect API key provided: k9-Zx***********cdTT.",
    "key k9-Zx...cdTT is revoked",
    'invalid key "k9-Zx…cdTT"',
    "your key k9-Zx81mm was blocked",
    "sk-proj-AAAABBBB is not yours",
    "https://a.example/?key=k9-Zx81mmQvAb7731cdTT",
  ])("The text %j loses its key.", (text) => {
    const safe = withoutKeys(text, [KEY])
    expect(safe).toContain("<redacted>")
    expect(safe).not.toMatch(/k9-Zx|cdTT|sk-proj/)
  })

  it("A text without keys stays as it is.", () => {
    const text = "The model `gpt-5` does not exist (code: 404) [a, b] = {c}; wait 2.5 s..."
    expect(withoutKeys(text, [KEY])).toBe(text)
  })

  it.prop(
    "A key of any form never remains in a text.",
    { around: Schema.String, key: Schema.String },
    ({ around, key }) => {
      if (key.trim().length < 8) return
      expect(withoutKeys(`${around} ${key} ${around}`, [key]).includes(key) && !around.includes(key)).toBe(false)
    },
  )
})

describe("ModelUsage", () => {
  const Figure = Schema.Union([Schema.Int, Schema.Number, Schema.String, Schema.Undefined, Schema.Null])

  it.prop(
    "The usage of any figures can be true.",
    { input: Figure, cacheRead: Figure, cacheWrite: Figure, output: Figure, reasoning: Figure },
    (reported) => {
      const { inputTokens, outputTokens } = encodedUsage(reported)
      const figures = [...Object.values(inputTokens), ...Object.values(outputTokens)]
      for (const figure of figures) if (figure !== undefined) expect(Number.isInteger(figure) && figure >= 0).toBe(true)
      if (inputTokens.total !== undefined) {
        const { cacheRead = 0, cacheWrite = 0, total, uncached = 0 } = inputTokens
        expect(cacheRead + cacheWrite + uncached).toBe(total)
      }
      const usage = usageOf({ inputTokens, outputTokens })
      expect(usage?.cachedInputTokens ?? 0).toBeLessThanOrEqual(usage?.inputTokens ?? Number.POSITIVE_INFINITY)
    },
  )
})
