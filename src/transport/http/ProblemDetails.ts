/**
 * ProblemDetails: encodes faults as problem details (RFC 9457), with a status for each error of the contract. Rest.ts
 * and the event streams answer with it. Hooks and the OpenAI-compatible routes take the status and the text.
 */
import { STATUS_CODES } from "node:http"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Rpc from "effect/rpc/Rpc"
import type { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import type { Refusal } from "../../domain/Refusal.ts"
import type { Fault, Tagged } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { type ErrorForm, retryAfter } from "./Problem.ts"

export const PROBLEM_TYPE = "application/problem+json"

type ErrorTag = Exclude<Rpc.Error<GatewayRpcs>, Refusal>["_tag"]

/** The status of each error that a method may fail with. */
const statuses: Readonly<Record<ErrorTag, number>> = {
  AgentExists: 409,
  AgentNotFound: 404,
  AgentProtected: 409,
  AnswersInvalid: 400,
  ApprovalClosed: 409,
  ApprovalExists: 409,
  ApprovalNotFound: 404,
  AttachmentNotFound: 404,
  AttachmentRefused: 413,
  AttachmentTooLarge: 413,
  BindingUnreachable: 409,
  CardNotFound: 404,
  CompactionFailed: 502,
  ConnectionNotFound: 404,
  CursorInvalid: 400,
  DecisionUnavailable: 409,
  DeviceNotFound: 404,
  DocumentExists: 409,
  DocumentNotFound: 404,
  DocumentTooLarge: 413,
  FleetCommandFailed: 502,
  GrantNotFound: 404,
  IdempotencyConflict: 409,
  LimitReached: 409,
  MemoryUnavailable: 503,
  ModelProblem: 502,
  PairingNotFound: 404,
  PairingScopesDiffer: 409,
  QuestionClosed: 409,
  QuestionExists: 409,
  QuestionNotFound: 404,
  RunNotFound: 404,
  ScopesNotGranted: 403,
  SessionBusy: 409,
  SessionConflict: 409,
  SessionExists: 409,
  SessionNotFound: 404,
  ShuttingDown: 503,
  StorageUnavailable: 503,
}

/** Returns the status of an error of the contract. */
export const statusOfError = (tag: string): number => (statuses as Readonly<Record<string, number>>)[tag] ?? 500

const statusOf = (fault: Fault): number => {
  switch (fault._tag) {
    case "UnknownMethod":
      return 404
    case "InvalidParams":
      return 400
    case "DuplicateId":
      return 409
    case "Denied":
      return fault.refusal._tag === "Forbidden" ? 403 : 401
    case "Limited":
      return 429
    case "Domain":
      return statusOfError(fault.error._tag)
    case "Interrupted":
      return 503
    case "Internal":
      return 500
  }
}

/** The members of a problem. `error` is the error of the contract, by which programs decide. */
export interface Details {
  readonly type: string
  readonly title: string
  readonly status: number
  readonly detail?: string
  readonly error?: Tagged
}

const titled = (status: number): Pick<Details, "type" | "title" | "status"> => ({
  type: "about:blank",
  title: STATUS_CODES[status] ?? "Error",
  status,
})

/** Returns the problem of a fault. `detail`: text for people, if the fault itself has no good one. */
export const problemOf = (fault: Fault, detail = detailOf(fault)): Details => ({
  ...titled(statusOf(fault)),
  detail,
  ...(fault._tag !== "Internal" && { error: Faults.taggedOf(fault) }),
})

const detailOf = (fault: Fault): string => (fault._tag === "InvalidParams" ? fault.issue : Faults.describe(fault))

const respond = (problem: Details, headers: Readonly<Record<string, string>> = {}) =>
  HttpServerResponse.text(JSON.stringify(problem), {
    status: problem.status,
    contentType: PROBLEM_TYPE,
    headers: { "cache-control": "no-store", ...headers },
  })

/** Returns the headers of the response to a call that failed. */
export const headersOf = (fault: Fault) => (fault._tag === "Limited" ? retryAfter(fault.retryAfterMs) : {})

/** Returns the response to a call that failed. */
export const ofFault = (fault: Fault, detail?: string) => respond(problemOf(fault, detail), headersOf(fault))

/** The errors that the route family returns before or beside a call, as problem details. */
export const form: ErrorForm = ({ error, headers, refusal, status }) =>
  respond(
    {
      ...titled(status),
      detail: error,
      ...(refusal !== undefined && { error: Faults.taggedOf(Faults.refused(refusal)) }),
    },
    headers,
  )
