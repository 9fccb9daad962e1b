/** Runs every scenario of FakeProvider in both dialects, over real HTTP. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { ProblemKind } from "../../../src/domain/RunError.ts"
import * as FakeModels from "../../support/FakeModels.ts"
import type * as FakeProvider from "../../support/FakeProvider.ts"

const DIALECTS = ["openai", "anthropic"] as const

/** A test with a fake and a model of it. */
const withModel = <A, E>(
  dialect: FakeProvider.Dialect,
  model: string,
  use: (said: Effect.Effect<FakeModels.Said>, fake: FakeProvider.FakeProvider) => Effect.Effect<A, E>,
  silenceMs?: number,
) =>
  FakeModels.withProviders(
    ({ baseUrl }) => ({
      fake: {
        kind: dialect,
        baseUrl: baseUrl[dialect],
        apiKey: FakeModels.KEY,
        ...(silenceMs !== undefined && { silenceMs }),
      },
    }),
    (service, fake) =>
      Effect.flatMap(service.resolve(`fake/${model}`), ({ languageModel }) => use(FakeModels.say(languageModel), fake)),
  )

type Expected = Partial<FakeModels.Said> & { readonly requests?: number; readonly kind?: ProblemKind }

const answered = { text: "Hello wörld", finish: "stop", problem: undefined }

const expectations: Readonly<Record<string, Expected>> = {
  text: { ...answered, usage: { inputTokens: 15, cachedInputTokens: 4, outputTokens: 7, contextTokens: 22 } },
  thinking: { ...answered, thinking: "let me think" },
  tool: {
    thinking: "where?",
    text: "Looking. ",
    calls: [["call_1", "weather", { city: "Paris" }]],
    finish: "tool-calls",
  },
  tools: {
    calls: [
      ["call_1", "weather", { city: "Paris" }],
      ["call_2", "weather", { city: "Rome" }],
    ],
    finish: "tool-calls",
  },
  "tool-broken": { calls: [["call_1", "weather", '{"city":']], finish: "tool-calls" },
  length: { text: "Hello wor", finish: "length" },
  refusal: { text: "I ", kind: "refusal" },
  "rate-limit-once": { ...answered, requests: 2 },
  "rate-limit-once-no-pause": { ...answered, requests: 2 },
  "rate-limit": { kind: "rate-limit", requests: 4 },
  "rate-limit-long": { kind: "rate-limit", requests: 1 },
  quota: { kind: "quota", requests: 1 },
  "wrong-key": { kind: "authentication", requests: 1 },
  forbidden: { kind: "authentication", requests: 1 },
  "context-length": { kind: "context-length", requests: 1 },
  "invalid-request": { kind: "invalid-request", requests: 1 },
  "server-error-once": { ...answered, requests: 2 },
  "server-error": { kind: "server", requests: 4 },
  "keep-alive": { text: "Hello world", finish: "stop" },
  drop: { text: "one two ", kind: "network", requests: 1 },
  "drop-before": { text: "Hello", finish: "stop", requests: 2 },
  cut: { text: "one two ", kind: "network", requests: 1 },
  "error-inside": { text: "one ", kind: "server", requests: 1 },
  malformed: { text: "one ", kind: "invalid-response", requests: 1 },
  page: { kind: "invalid-response", requests: 1 },
  "bad-gateway": { kind: "server", requests: 4 },
  "json-instead": { kind: "invalid-response", requests: 1 },
  "error-instead": { kind: "server", requests: 4 },
  redirect: { kind: "configuration", requests: 1 },
  bytes: { text: "Grüße 👋", finish: "stop" },
  unknown: { kind: "configuration", requests: 1 },
}

describe.each(DIALECTS)("ChatModel with the dialect %s", (dialect) => {
  it.live.each(Object.entries(expectations))(
    "The scenario %s has its result.",
    ([model, { kind, requests, ...said }]) =>
      withModel(
        dialect,
        model,
        Effect.fnUntraced(function* (say, fake) {
          const result = yield* say
          expect(result).toMatchObject(said)
          expect(result.problem?.kind).toBe(kind)
          if (requests !== undefined) expect(fake.requests).toHaveLength(requests)
          if (result.problem !== undefined) {
            expect(result.problem.message).toMatch(/^provider "fake" /)
            expect(result.problem.message).not.toMatch(/\*\*|sk-/)
          }
        }),
      ),
  )

  it.live.each(["lies", "nonsense"])("A provider that reports %s gets a usage that can be true.", (model) =>
    withModel(
      dialect,
      model,
      Effect.fnUntraced(function* (say) {
        const { text, usage } = yield* say
        expect(text).toBe("Hello")
        const { cachedInputTokens = 0, inputTokens = 0, outputTokens = 0 } = usage ?? {}
        expect(cachedInputTokens).toBeLessThanOrEqual(inputTokens)
        for (const tokens of [cachedInputTokens, inputTokens, outputTokens]) {
          expect(Number.isInteger(tokens) && tokens >= 0 && tokens < 10_000).toBe(true)
        }
      }),
    ),
  )

  it.live.each(["stall", "stall-inside"])(
    "The scenario %s ends after the silence limit and closes the request.",
    (model) =>
      withModel(
        dialect,
        model,
        Effect.fnUntraced(function* (say, fake) {
          const { problem } = yield* say
          expect(problem?.kind).toBe("timeout")
          expect(fake.requests).toHaveLength(1)
          expect(yield* Effect.promise(() => fake.requests[0]!.closed)).toBe("closed")
        }),
        60,
      ),
  )

  it.live.each(["slow", "stall"])("An interruption during the scenario %s ends the provider's request.", (model) =>
    withModel(
      dialect,
      model,
      Effect.fnUntraced(function* (say, fake) {
        const next = fake.nextRequest()
        const fiber = yield* Effect.forkChild(say)
        const request = yield* Effect.promise(() => next)
        yield* Fiber.interrupt(fiber)
        expect(yield* Effect.promise(() => request.closed)).toBe("closed")
      }),
    ),
  )
})
