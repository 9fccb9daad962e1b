/**
 * ProviderHttp: the HTTP requests of a provider. It streams server-sent events with bounds on size and silence, and turns
 * failures into problems. Node's own client is used, because fetch gives up after 300 seconds of silence. It follows no
 * redirects, so a key reaches the configured host only. The kinds `openai` and `anthropic` use it.
 */
import * as NodeHttpClient from "@effect/platform-node/NodeHttpClient"
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Sse from "effect/encoding/Sse"
import * as HttpBody from "effect/http/HttpBody"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Pull from "effect/Pull"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import type { ModelProblem } from "../../domain/Model.ts"
import { codeOf } from "../../domain/SystemError.ts"
import { bodyOf } from "../http/HttpAnswer.ts"
import { traced } from "../http/TracedClient.ts"
import { parsed, textAt } from "./JsonValue.ts"
import type { NamedProvider } from "./ModelProvider.ts"
import { ProviderProblems, type Refused, retryAfterOf, statusOf } from "./ProviderProblems.ts"

/** Bytes of a streamed answer. Events repeat their envelope with each word, so this is far more than the text. */
const STREAM_BYTES = 268_435_456

/** Characters of one event. Some servers send a whole tool call in one. */
const EVENT_CHARS = 8_388_608

/** Bytes of an answer that is no stream: an error, or a list of models. */
const BODY_BYTES = 8_388_608

/** Reads the events of one answer. */
export interface EventReader<Part> {
  /** Reads the data of one event as JSON. Throws a ModelProblem that ends the stream. */
  push(data: unknown): ReadonlyArray<Part>
  /** True once the answer is complete. Later bytes are ignored. */
  readonly isComplete: boolean
  /** Returns the parts that wait for the end. Throws a ModelProblem if the answer was cut. */
  end(): ReadonlyArray<Part>
}

/** The end of a stream by the convention of OpenAI. */
const DONE = "[DONE]"

export class ProviderHttp {
  readonly problems: ProviderProblems
  readonly #provider: NamedProvider
  readonly #client: HttpClient.HttpClient
  readonly #headers: Readonly<Record<string, string>>

  private constructor(
    provider: NamedProvider,
    client: HttpClient.HttpClient,
    headers: Readonly<Record<string, string>>,
  ) {
    this.#provider = provider
    this.#client = client
    this.#headers = headers
    this.problems = new ProviderProblems(provider)
  }

  /** Makes the client. Its connections close with the scope. The headers of the configuration win over the given ones. */
  static readonly make = Effect.fnUntraced(function* (
    provider: NamedProvider,
    headers: Readonly<Record<string, string>>,
  ) {
    const context = yield* Layer.build(NodeHttpClient.layerNodeHttp)
    const configured = Object.entries(provider.headers).map(([name, value]) => [
      name.toLowerCase(),
      Redacted.value(value),
    ])
    return new ProviderHttp(provider, traced(Context.get(context, HttpClient.HttpClient)), {
      ...headers,
      ...Object.fromEntries(configured),
    })
  })

  /** Returns the JSON at an address. */
  readonly get = (url: string): Effect.Effect<unknown, ModelProblem> =>
    this.#send(HttpClientRequest.get(url, { headers: this.#headers }), "").pipe(
      Effect.flatMap((response) => this.#body(response)),
      Effect.flatMap((text) => {
        const value = parsed(text)
        return value === undefined
          ? Effect.fail(this.problems.invalid("sent a list that is not JSON"))
          : Effect.succeed(value)
      }),
      Effect.timeoutOrElse({
        duration: this.#provider.silenceMs,
        orElse: () => Effect.fail(this.problems.silent()),
      }),
    )

  /** Posts the body and streams what the reader makes of the events. An interruption ends the request. */
  readonly stream = <Part>(url: string, body: unknown, model: string, reader: EventReader<Part>) =>
    Stream.unwrap(
      Effect.gen({ self: this }, function* () {
        const request = HttpClientRequest.post(url, { headers: this.#headers, body: HttpBody.jsonUnsafe(body) })
        const response = yield* this.#send(request, model)
        yield* this.#requireEvents(response, model)
        return this.#read(response.stream, reader)
      }),
    ).pipe(
      Stream.timeoutOrElse({
        duration: this.#provider.silenceMs,
        orElse: () => Stream.fail(this.problems.silent()),
      }),
    )

  /** Returns the response if its status is 2xx. */
  readonly #send = (
    request: HttpClientRequest.HttpClientRequest,
    model: string,
  ): Effect.Effect<HttpClientResponse.HttpClientResponse, ModelProblem> =>
    this.#client.execute(request).pipe(
      Effect.mapError((error) => this.problems.network(reasonOf(error))),
      Effect.flatMap((response) => (response.status < 300 ? Effect.succeed(response) : this.#refuse(response, model))),
      Effect.withSpan("ProviderHttp.send", {
        kind: "client",
        attributes: { provider: this.#provider.name, ...(model !== "" && { model }) },
      }),
    )

  readonly #refuse = Effect.fnUntraced(
    { self: this },
    function* (this: ProviderHttp, response: HttpClientResponse.HttpClientResponse, model: string) {
      const { headers, status } = response
      if (status < 400) return yield* Effect.fail(this.problems.redirected(headers["location"]))
      const text = yield* Effect.orElseSucceed(this.#body(response), () => "")
      return yield* this.#refusal(response, { status, body: parsed(text), model })
    },
  )

  /** Refuses an answer that is no stream. Some servers answer 200 with an error, and proxies with a page. */
  readonly #requireEvents = Effect.fnUntraced(
    { self: this },
    function* (this: ProviderHttp, response: HttpClientResponse.HttpClientResponse, model: string) {
      const type = (response.headers["content-type"] ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? ""
      if (type !== "application/json" && type !== "text/html") return
      const body = parsed(yield* this.#body(response))
      if (textAt(body, "error", "message") !== undefined) {
        return yield* this.#refusal(response, { status: statusOf(body), body, model })
      }
      return yield* Effect.fail(this.problems.invalid(`sent ${type} instead of a stream of events`))
    },
  )

  readonly #refusal = (
    { headers }: HttpClientResponse.HttpClientResponse,
    refused: Refused,
  ): Effect.Effect<never, ModelProblem> =>
    Effect.flatMap(Clock.currentTimeMillis, (now) =>
      Effect.fail(this.problems.refused({ ...refused, retryAfterMs: retryAfterOf(headers, now) })),
    )

  readonly #body = (response: HttpClientResponse.HttpClientResponse): Effect.Effect<string, ModelProblem> =>
    bodyOf(response, BODY_BYTES).pipe(
      Effect.mapError((error) => this.problems.network(reasonOf(error))),
      Effect.flatMap(({ bytes, isCut }) =>
        isCut
          ? Effect.fail(this.problems.invalid(`sent more than ${BODY_BYTES} bytes`))
          : Effect.succeed(bytes.toString("utf8")),
      ),
    )

  /** Decodes bytes, events and parts in one step for each chunk. Parts before a problem are passed on before it. */
  readonly #read = <Part>(
    source: Stream.Stream<Uint8Array, HttpClientError.HttpClientError>,
    reader: EventReader<Part>,
  ): Stream.Stream<Part, ModelProblem> =>
    Stream.transformPull(source, (pull) =>
      Effect.sync(() => {
        const text = new TextDecoder()
        let parts: Array<Part> = []
        let problem: ModelProblem | undefined
        let bytes = 0
        let isDone = false
        let isOver = false
        const guarded = (read: () => ReadonlyArray<Part>) => {
          if (problem !== undefined) return
          try {
            parts.push(...read())
          } catch (error) {
            problem = Predicate.isTagged(error, "ModelProblem") ? (error as ModelProblem) : undefined
            if (problem === undefined) throw error
          }
        }
        const parser = Sse.makeParser(
          (event) => {
            if (event._tag !== "Event" || isDone || reader.isComplete) return
            if (event.data === DONE) {
              isDone = true
              return
            }
            guarded(() => {
              const data = parsed(event.data)
              if (data === undefined) throw this.problems.invalid(`sent an event that is not JSON (${event.data})`)
              return reader.push(data)
            })
          },
          { maxEventSize: EVENT_CHARS },
        )
        const take = (chunks: ReadonlyArray<Uint8Array>) => {
          for (const chunk of chunks) {
            bytes += chunk.length
            const tooLarge = parser.feed(text.decode(chunk, { stream: true })) !== undefined || bytes > STREAM_BYTES
            if (tooLarge)
              guarded(() => {
                throw this.problems.invalid("sent more than an answer can have")
              })
          }
        }
        const finish = Effect.sync(() => {
          isOver = true
          guarded(() => reader.end())
        })
        const lost = (error: HttpClientError.HttpClientError) =>
          Effect.sync(() => {
            const reason = this.problems.safe(reasonOf(error))
            problem ??= this.problems.of("network", `lost the connection (${reason}): send the message again`)
          })
        const more = Pull.catchDone(Effect.map(pull, take), () => finish).pipe(Effect.catch(lost))
        return Effect.suspend(function next(): Pull.Pull<readonly [Part, ...Array<Part>], ModelProblem> {
          const [first, ...rest] = parts
          if (first !== undefined) {
            parts = []
            return Effect.succeed([first, ...rest])
          }
          if (problem !== undefined) return Effect.fail(problem)
          if (isOver) return Cause.done()
          return Effect.flatMap(isDone || reader.isComplete ? finish : more, next)
        })
      }),
    )
}

/** Returns why a connection failed, without the address, which the sentence names already. */
const reasonOf = ({ reason }: HttpClientError.HttpClientError): string =>
  reason.cause instanceof Error ? codeOf(reason.cause) : (reason.description ?? reason._tag)
