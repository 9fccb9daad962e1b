/**
 * FakeScenarios: how FakeProvider answers, by the name of the model. Each scenario serves both dialects.
 */
import { OpenAiAnswer } from "./FakeAnswers.ts"
import type { Scenario } from "./FakeProvider.ts"

/** A key as a provider masks it in its errors. */
const MASKED_KEY = "sk-12********34"

const answers: Scenario = async (answer) => {
  await answer.text("Hel", "lo ", "wörld")
  await answer.end()
}

/** Refuses the first `times` requests, then answers. */
const refusing =
  (times: number, error: Parameters<Parameters<Scenario>[0]["fail"]>[0]): Scenario =>
  async (answer, request) =>
    request.count <= times ? answer.fail(error) : answers(answer, request)

const rateLimit = { status: 429, message: "Rate limit reached", code: "rate_limit_exceeded" }

/** Never answers. The client gives up. */
const stalls: Scenario = () => {}

export const scenarios: Readonly<Record<string, Scenario>> = {
  text: answers,
  thinking: async (answer) => {
    await answer.thinking("let me ", "think")
    await answer.text("Hel", "lo ", "wörld")
    await answer.end()
  },
  /** Thinks, calls `weather`, and answers with its result. */
  tool: async (answer, { results }) => {
    if (results.length > 0) {
      await answer.text("It is ", results.join(" and "))
      return answer.end()
    }
    await answer.thinking("where?")
    await answer.text("Looking. ")
    await answer.tool("call_1", "weather", '{"ci', 'ty":"Pa', 'ris"}')
    return answer.end("tools")
  },
  /** Calls `weather` twice at once. */
  tools: async (answer, { results }) => {
    if (results.length > 0) {
      await answer.text("It is ", results.join(" and "))
      return answer.end()
    }
    await answer.tool("call_1", "weather", '{"city":', '"Paris"}')
    await answer.tool("call_2", "weather", '{"city":"Rome"}')
    return answer.end("tools")
  },
  /** Calls `weather` with arguments that are no JSON. */
  "tool-broken": async (answer, { results }) => {
    if (results.length > 0) {
      await answer.text("Sorry")
      return answer.end()
    }
    await answer.tool("call_1", "weather", '{"city":')
    return answer.end("tools")
  },
  /** Calls `weather` in every step. */
  "tool-forever": async (answer, { count }) => {
    await answer.tool(`call_${count}`, "weather", '{"city":"Paris"}')
    await answer.end("tools")
  },
  length: async (answer) => {
    await answer.text("Hello wor")
    await answer.end("length")
  },
  refusal: async (answer) => {
    await answer.text("I ")
    await answer.end("refusal")
  },
  "rate-limit-once": refusing(1, { ...rateLimit, headers: { "retry-after": "0" } }),
  "rate-limit-once-no-pause": refusing(1, rateLimit),
  "rate-limit": refusing(Number.POSITIVE_INFINITY, { ...rateLimit, headers: { "retry-after-ms": "1" } }),
  "rate-limit-long": refusing(Number.POSITIVE_INFINITY, { ...rateLimit, headers: { "retry-after": "3600" } }),
  quota: (answer) =>
    answer.fail(
      answer instanceof OpenAiAnswer
        ? {
            status: 429,
            message: "You exceeded your current quota",
            type: "insufficient_quota",
            code: "insufficient_quota",
          }
        : { status: 400, message: "Your credit balance is too low to access the Anthropic API" },
    ),
  "wrong-key": (answer) =>
    answer.fail({ status: 401, message: `Incorrect API key provided: ${MASKED_KEY}`, code: "invalid_api_key" }),
  forbidden: (answer) => answer.fail({ status: 403, message: `The key ${MASKED_KEY} may not use this model` }),
  "context-length": (answer) =>
    answer.fail(
      answer instanceof OpenAiAnswer
        ? {
            status: 400,
            message:
              "This model's maximum context length is 8192 tokens. However, your messages resulted in 9000 tokens.",
            code: "context_length_exceeded",
          }
        : { status: 400, message: "prompt is too long: 210000 tokens > 200000 maximum" },
    ),
  "invalid-request": (answer) => answer.fail({ status: 400, message: "messages: at least one is required" }),
  "server-error-once": refusing(1, {
    status: 500,
    message: "The server had an error",
    type: "server_error",
    headers: { "retry-after-ms": "1" },
  }),
  "server-error": refusing(Number.POSITIVE_INFINITY, {
    status: 529,
    message: "Overloaded",
    type: "overloaded_error",
    headers: { "retry-after-ms": "1" },
  }),
  stall: stalls,
  "stall-inside": async (answer) => {
    await answer.text("one ")
  },
  "keep-alive": async (answer) => {
    await answer.comment("PROCESSING")
    await answer.text("Hello ")
    await answer.raw("retry: 1000\n\n")
    await answer.comment("PROCESSING")
    await answer.text("world")
    await answer.end()
  },
  drop: async (answer) => {
    await answer.text("one ", "two ")
    answer.drop()
  },
  "drop-before": async (answer, { count }) => {
    if (count === 1) return answer.drop()
    await answer.text("Hello")
    return answer.end()
  },
  cut: async (answer) => {
    await answer.text("one ", "two ")
    answer.cut()
  },
  "error-inside": async (answer) => {
    await answer.text("one ")
    await answer.failInside({
      status: 529,
      message: `The server is overloaded (${MASKED_KEY})`,
      type: "overloaded_error",
    })
  },
  malformed: async (answer) => {
    await answer.text("one ")
    await answer.raw("data: {not json\n\n")
    answer.cut()
  },
  page: (answer) => answer.whole(200, "text/html; charset=utf-8", "<html>Sign in</html>"),
  "bad-gateway": (answer) => answer.whole(502, "text/html", "<html>Bad gateway</html>", { "retry-after-ms": "1" }),
  "json-instead": (answer) => answer.json(200, { id: "x", choices: [] }),
  "error-instead": (answer) =>
    answer.json(200, { error: { message: "The model is loading", code: 503 } }, { "retry-after-ms": "1" }),
  redirect: (answer) => answer.whole(307, "text/plain", "", { location: "http://elsewhere.example/v1" }),
  /** Reports figures that cannot be true. */
  lies: async (answer) => {
    await answer.text("Hello")
    await answer.end("stop", { input: 10, cached: 900, output: -7 })
  },
  nonsense: async (answer) => {
    await answer.text("Hello")
    await answer.end("stop", { input: "many", cached: 1.5, output: 1e300 })
  },
  /** Sends each byte on its own. */
  bytes: async (answer) => {
    answer.chunkBytes = 1
    await answer.text("Grüße 👋")
    await answer.end()
  },
  /** Says a word every 20 ms until the client goes. */
  slow: async (answer) => {
    for (let n = 0; !answer.isClosed && n < 1_000; n++) {
      await answer.text(`word${n} `)
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    await answer.end()
  },
}
