/**
 * Errors: the error responses of the OpenAI-compatible routes, in OpenAI's form `{ error: { message, type, param, code } }`.
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { RunError } from "../../domain/RunError.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as ProblemDetails from "../http/ProblemDetails.ts"
import type { ErrorForm } from "../http/Problem.ts"

const types: Readonly<Record<number, string>> = { 401: "unauthorized", 403: "forbidden", 429: "rate_limit_error" }

const typeOf = (status: number): string => types[status] ?? (status < 500 ? "invalid_request_error" : "server_error")

/** The member `error` of a response, or of a piece of a stream. */
export interface OpenAiError {
  readonly message: string
  readonly type: string
  /** The field of the request that is the problem. */
  readonly param: string | null
  /** A word for programs. */
  readonly code: string | null
}

/** A status with its error. */
export interface Failure {
  readonly status: number
  readonly error: OpenAiError
  readonly headers: Readonly<Record<string, string>>
}

export const failure = (
  status: number,
  message: string,
  {
    code = null,
    headers = {},
    param = null,
  }: Partial<Pick<OpenAiError, "code" | "param"> & Pick<Failure, "headers">> = {},
): Failure => ({ status, error: { message, type: typeOf(status), param, code }, headers })

export const respond = ({ error, headers, status }: Failure): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe({ error }, { status, headers: { "cache-control": "no-store", ...headers } })

/** Returns the response to a request that a field makes impossible. */
export const invalid = (param: string, message: string, code: string | null = null) =>
  respond(failure(400, message, { param, code }))

/** OpenAI's own clients repeat a failed request by themselves. The message would run again. */
const NO_RETRY = { "x-should-retry": "false" }

export const ofFault = (fault: Fault): Failure => {
  const { detail = "", error, status } = ProblemDetails.problemOf(fault)
  return failure(status, detail, { code: error?._tag ?? null, headers: ProblemDetails.headersOf(fault) })
}

/** Returns the response to a call that failed. */
export const refuse = (fault: Fault) => respond(ofFault(fault))

/** Returns the failure of a run that has ended without a reply. */
export const ofRun = (error: RunError | undefined): Failure => {
  const status = error?.reason === "runtime" ? 502 : error?.reason === "timeout" ? 504 : 500
  return failure(status, error?.message ?? "the run was aborted", {
    code: error?.kind ?? error?.reason ?? "aborted",
    headers: NO_RETRY,
  })
}

/** The errors of the route family itself. */
export const form: ErrorForm = ({ error, headers, status }) => respond(failure(status, error, { headers }))
