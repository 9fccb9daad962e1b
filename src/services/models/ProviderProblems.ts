/**
 * ProviderProblems: decides which kind of problem a provider's failure is, and writes the sentence for people. The
 * sentences name the next step and never a key. The kinds of providers use it.
 */
import * as Redacted from "effect/Redacted"
import { ModelProblem } from "../../domain/Model.ts"
import { line } from "../../domain/Printable.ts"
import type { ProblemKind } from "../../domain/RunError.ts"
import { shortened } from "../../domain/Text.ts"
import { at, numberAt, textAt } from "./JsonValue.ts"
import { withoutKeys } from "./KeyRedaction.ts"
import type { NamedProvider } from "./ModelProvider.ts"

/** A provider's refusal of a request, or an error within a stream. */
export interface Refused {
  readonly status: number
  /** The body as JSON, or `undefined` for another one. */
  readonly body: unknown
  readonly model: string
  readonly retryAfterMs?: number | undefined
}

/** Characters of a provider's own text in our sentence. */
const TEXT_CHARS = 300

/** Returns the secrets of the provider: its key and the values of its headers. */
const secretsOf = ({ apiKey, headers }: NamedProvider): ReadonlyArray<string> =>
  [...(apiKey === undefined ? [] : [apiKey]), ...Object.values(headers)].map((secret) => Redacted.value(secret))

export class ProviderProblems {
  readonly #provider: NamedProvider
  readonly #secrets: ReadonlyArray<string>

  constructor(provider: NamedProvider) {
    this.#provider = provider
    this.#secrets = secretsOf(provider)
  }

  of(kind: ProblemKind, problem: string, retryAfterMs?: number): ModelProblem {
    const message = `provider "${this.#provider.name}" ${problem}`
    return new ModelProblem({
      kind,
      provider: this.#provider.name,
      message,
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    })
  }

  /** Returns the provider's text on one line, without keys. */
  readonly safe = (text: string): string =>
    shortened(withoutKeys(line(shortened(text, TEXT_CHARS * 4)), this.#secrets), TEXT_CHARS)

  refused(refused: Refused): ModelProblem {
    const { body, model, retryAfterMs, status } = refused
    const kind = kindOf(refused)
    const text = this.safe(textOf(body))
    const said = text === "" ? `status ${status}` : `status ${status}: ${text}`
    const { name } = this.#provider
    switch (kind) {
      case "authentication":
        return status === 403
          ? this.of(kind, `forbids the request (${said}): check the rights of its key`)
          : this.of(kind, `rejects the key (status ${status}): correct apiKey of providers.${name}`)
      case "rate-limit": {
        const wait = retryAfterMs === undefined ? "wait a little" : `wait ${Math.ceil(retryAfterMs / 1_000)} s`
        return this.of(kind, `limits the rate (${said}): ${wait}, or use another model`, retryAfterMs)
      }
      case "quota":
        return this.of(kind, `says that the account has no credit left (${said}): check its billing and limits`)
      case "context-length":
        return this.of(
          kind,
          `cannot fit the conversation into the context of ${model} (${said}): compact or reset the session`,
        )
      case "refusal":
        return this.of(kind, `refuses the content (${said}): rephrase the message`)
      case "configuration":
        return this.of(kind, `does not offer ${model} at this address (${said}): check the model's name and baseUrl`)
      case "invalid-request":
        return this.of(kind, `rejects the request (${said}): check the settings of the agent and of ${model}`)
      default:
        return this.of("server", `failed (${said}): send the message again later, or use another model`, retryAfterMs)
    }
  }

  redirected(location: string | undefined): ModelProblem {
    const host = location === undefined ? undefined : URL.parse(location)?.host
    return this.of(
      "configuration",
      `redirects${host === undefined ? "" : ` to ${this.safe(host)}`}: set baseUrl to the final address. The key is not sent on`,
    )
  }

  refusal(): ModelProblem {
    return this.of("refusal", "ended the answer, because the model or a content filter refuses: rephrase the message")
  }

  cut(): ModelProblem {
    return this.of("network", "cut the answer off before its end: send the message again")
  }

  network(detail: string): ModelProblem {
    const { baseUrl } = this.#provider
    const where = baseUrl === undefined ? "" : ` at ${URL.parse(baseUrl)?.host}`
    return this.of(
      "network",
      `cannot be reached${where} (${this.safe(detail)}): check baseUrl, the network and that the server runs`,
    )
  }

  silent(): ModelProblem {
    const { silenceMs } = this.#provider
    return this.of("timeout", `sent nothing for ${silenceMs} ms: send the message again, or raise its silenceMs`)
  }

  unstructured(): ModelProblem {
    return this.of("invalid-request", "cannot be asked for structured output: use a tool")
  }

  invalid(detail: string): ModelProblem {
    return this.of(
      "invalid-response",
      `${this.safe(detail)}: send the message again; check kind and baseUrl if it stays so`,
    )
  }
}

/** Returns the sentence of an error body. Servers put it in different places. */
export const textOf = (body: unknown): string => {
  const error = at(body, "error") ?? at(body, 0, "error") ?? body
  if (typeof error === "string") return error
  return textAt(error, "message") ?? textAt(error, "detail") ?? textAt(body, "message") ?? textAt(body, "detail") ?? ""
}

const QUOTA = /insufficient.(quota|balance|credit|funds)|credit balance|billing.hard.limit|payment required/i
const INVALID_KEY = /(invalid|incorrect) (api )?(key|token)|api key not (valid|found)|invalid x-api-key/i
const CONTEXT =
  /context.length|context.window|context.size|maximum context|prompt is too long|input is too long|too many (input )?tokens|request.too.large/i
const CONTENT = /content.policy|content.filter|content management policy|safety system/i
const NO_MODEL = /model.not.found|does not exist|no such model|not a valid model/i

/** The types of Anthropic's errors within a stream, where no status comes with them. */
const statuses: Readonly<Record<string, number>> = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  request_too_large: 413,
  rate_limit_error: 429,
  rate_limit_exceeded: 429,
  api_error: 500,
  server_error: 500,
  overloaded_error: 529,
  overloaded: 529,
}

/** Returns the status that fits an error within a stream. */
export const statusOf = (body: unknown): number => {
  const error = at(body, "error")
  const code = numberAt(error, "code") ?? Number(textAt(error, "code"))
  if (Number.isInteger(code) && code >= 400 && code <= 599) return code
  return statuses[textAt(error, "type") ?? ""] ?? statuses[textAt(error, "code") ?? ""] ?? 500
}

/** Returns the kind of a refused request. Codes and texts count before the status, because servers mix up statuses. */
export const kindOf = ({ body, status }: Pick<Refused, "body" | "status">): ProblemKind => {
  const error = at(body, "error") ?? at(body, 0, "error") ?? body
  const words = [textAt(error, "code"), textAt(error, "type"), textOf(body).slice(0, 2_000)].join(" ")
  if (status === 402 || QUOTA.test(words)) return "quota"
  if (status === 401 || INVALID_KEY.test(words)) return "authentication"
  if (status === 429) return "rate-limit"
  if (status >= 500) return CONTEXT.test(words) ? "context-length" : "server"
  if (status === 413 || CONTEXT.test(words)) return "context-length"
  if (CONTENT.test(words)) return "refusal"
  if (status === 403) return "authentication"
  if (status === 404 || status === 405 || NO_MODEL.test(words)) return "configuration"
  return status === 408 ? "server" : "invalid-request"
}

/** Returns whether another attempt may succeed. */
export const isRetryable = ({ kind }: ModelProblem): boolean =>
  kind === "rate-limit" || kind === "server" || kind === "network"

/** Returns the pause that the headers of a refusal ask for, in milliseconds. */
export const retryAfterOf = (
  headers: Readonly<Record<string, string | undefined>>,
  now: number,
): number | undefined => {
  const millis = Number(headers["retry-after-ms"] ?? Number.NaN)
  if (Number.isFinite(millis) && millis >= 0) return millis
  const header = headers["retry-after"] ?? ""
  if (header === "") return undefined
  const seconds = Number(header)
  if (Number.isFinite(seconds)) return seconds >= 0 ? seconds * 1_000 : undefined
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(0, date - now)
}
