/**
 * FakeProvider: a model provider on a real HTTP server, with the dialects of OpenAI and Anthropic. The name of the model
 * picks the scenario: one of FakeScenarios, or one that the test adds. It records the requests.
 */
import * as Effect from "effect/Effect"
import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from "node:http"
import { AnthropicAnswer, type FakeAnswer, type Json, OpenAiAnswer } from "./FakeAnswers.ts"
import { scenarios } from "./FakeScenarios.ts"

export type Dialect = "openai" | "anthropic"

export interface FakeRequest {
  readonly dialect: Dialect
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly body: Json & { readonly model: string; readonly messages: ReadonlyArray<Json> }
  /** 1 for the first request with this model. */
  readonly count: number
  /** The results of tools in the last round of the conversation. */
  readonly results: ReadonlyArray<string>
  /** Resolves when the answer is complete, or when the client or the fake closes the connection before. */
  readonly closed: Promise<"complete" | "closed">
}

export type Scenario = (answer: FakeAnswer, request: FakeRequest) => Promise<void> | void

export interface FakeProvider {
  /** The address of the server, e.g. http://127.0.0.1:40123. */
  readonly url: string
  /** The `baseUrl` of the dialects. */
  readonly baseUrl: Readonly<Record<Dialect, string>>
  /** The requests for answers, oldest first. */
  readonly requests: ReadonlyArray<FakeRequest>
  /** Adds a scenario under the name of a model. */
  readonly script: (model: string, scenario: Scenario) => void
  /** The body that `/v1/models` answers with. */
  models: unknown
  /** Resolves with the next request. */
  readonly nextRequest: () => Promise<FakeRequest>
}

/** Starts the server on a free port of the loopback interface. It stops with the scope. */
export const make = Effect.acquireRelease(
  Effect.promise(() => start()),
  ({ stop }) => Effect.promise(stop),
).pipe(Effect.map(({ provider }) => provider))

const start = async () => {
  const requests: Array<FakeRequest> = []
  const waiting: Array<(request: FakeRequest) => void> = []
  const scripted = new Map<string, Scenario>(Object.entries(scenarios))
  const provider: FakeProvider & { url: string; baseUrl: Record<Dialect, string> } = {
    url: "",
    baseUrl: { openai: "", anthropic: "" },
    requests,
    script: (model, scenario) => void scripted.set(model, scenario),
    models: { object: "list", data: [...scripted.keys()].map((id) => ({ id, object: "model" })) },
    nextRequest: () => new Promise((resolve) => waiting.push(resolve)),
  }
  const answer = async (message: IncomingMessage, response: ServerResponse) => {
    const text = await bodyOf(message)
    const path = new URL(message.url ?? "", "http://fake").pathname
    if (path.endsWith("/models")) {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(provider.models))
      return
    }
    const dialect = path.endsWith("/chat/completions") ? "openai" : path.endsWith("/messages") ? "anthropic" : undefined
    if (dialect === undefined) {
      response.writeHead(404, { "content-type": "application/json" }).end(`{"error":{"message":"no such path"}}`)
      return
    }
    const body: FakeRequest["body"] = JSON.parse(text)
    const request: FakeRequest = {
      dialect,
      path,
      headers: message.headers,
      body,
      count: requests.filter((earlier) => earlier.body.model === body.model).length + 1,
      results: resultsOf(body.messages),
      closed: new Promise((resolve) =>
        response.on("close", () => resolve(response.writableFinished ? "complete" : "closed")),
      ),
    }
    requests.push(request)
    for (const notify of waiting.splice(0)) notify(request)
    const writer =
      dialect === "openai" ? new OpenAiAnswer(response, body.model) : new AnthropicAnswer(response, body.model)
    const scenario = scripted.get(body.model)
    if (scenario === undefined)
      writer.fail({ status: 404, message: `The model \`${body.model}\` does not exist`, code: "model_not_found" })
    else await scenario(writer, request)
  }
  const server = createServer((message, response) => {
    response.on("error", () => {})
    void answer(message, response).catch((error: unknown) =>
      response.destroy(error instanceof Error ? error : undefined),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const address = server.address()
  provider.url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}`
  provider.baseUrl = { openai: `${provider.url}/v1`, anthropic: provider.url }
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      server.closeAllConnections()
    })
  return { provider, stop }
}

const bodyOf = async (message: IncomingMessage): Promise<string> => {
  const chunks: Array<Buffer> = []
  for await (const chunk of message) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString("utf8")
}

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null

/** Returns the results after the last answer of the model, in both dialects. */
const resultsOf = (messages: ReadonlyArray<Json>): ReadonlyArray<string> => {
  const last = messages.findLastIndex(({ role }) => role === "assistant")
  return messages.slice(last + 1).flatMap(({ content, role }): ReadonlyArray<string> => {
    if (role === "tool") return [String(content)]
    if (!Array.isArray(content)) return []
    return content
      .filter((block): block is Json => isJson(block) && block["type"] === "tool_result")
      .map(({ content }) => (typeof content === "string" ? content : JSON.stringify(content)))
  })
}
