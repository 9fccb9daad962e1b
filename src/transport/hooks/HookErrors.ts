/**
 * HookErrors: the error responses of hooks, as OpenClaw writes them: a text for requests that reach no hook, and
 * `{ ok: false, error }` for those that a hook refuses.
 */
import { STATUS_CODES } from "node:http"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Fault } from "../dialect/Fault.ts"
import * as ProblemDetails from "../http/ProblemDetails.ts"
import type { ErrorForm } from "../http/Problem.ts"

type Headers = Readonly<Record<string, string>>

export const respond = (status: number, body: object, headers: Headers = {}) =>
  HttpServerResponse.jsonUnsafe(body, { status, headers: { "cache-control": "no-store", ...headers } })

/** Returns the response to a request that a hook refuses. */
export const refused = (status: number, error: string, headers: Headers = {}) =>
  respond(status, { ok: false, error }, headers)

export const plain = (status: number, text = STATUS_CODES[status] ?? "Error", headers: Headers = {}) =>
  HttpServerResponse.text(text, { status, headers: { "cache-control": "no-store", ...headers } })

const textStatuses = new Set([401, 403, 404, 405, 429])

export const form: ErrorForm = ({ error, headers, status }) =>
  textStatuses.has(status) ? plain(status, STATUS_CODES[status], headers) : refused(status, error, headers)

/** The status by the error of the contract. `400`: the routing is wrong. `409`: the session cannot take the message. */
const statuses: Readonly<Record<string, number>> = { AgentNotFound: 400, LimitReached: 503, SessionBusy: 409 }

export const ofFault = (fault: Fault) => {
  const { detail = "the hook failed", error, status } = ProblemDetails.problemOf(fault)
  const own = statuses[error?._tag ?? ""] ?? status
  return refused(own === 404 ? 400 : own, detail, ProblemDetails.headersOf(fault))
}
