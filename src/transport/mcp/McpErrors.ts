/**
 * McpErrors: the errors of `/mcp`: failures of tools and resources, and refusals of whole requests. The other modules of
 * this folder use it.
 */
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import type { ErrorForm } from "../http/Problem.ts"

/** The failure of a tool or a resource. The model reads the message. */
export class McpFailure extends Schema.TaggedError<McpFailure>()("McpFailure", { message: Schema.String }) {}

const textOf = (fault: Fault): string => {
  if (fault._tag === "InvalidParams") return fault.issue
  const missing = Faults.taggedOf(fault)["missingScope"]
  return missing === undefined ? Faults.describe(fault) : `the token lacks the scope ${String(missing)}`
}

export const ofFault = (fault: Fault) => new McpFailure({ message: textOf(fault) })

/** JSON-RPC's code of an invalid request, and the one for errors of the server. */
const codeOf = (status: number): number => (status === 400 ? -32_600 : -32_000)

/** Returns the response to a refused request: a JSON-RPC error that belongs to no call. */
export const refusal = (
  status: number,
  message: string,
  headers: Readonly<Record<string, string>> = {},
): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(
    { jsonrpc: "2.0", id: null, error: { code: codeOf(status), message } },
    { status, headers },
  )

export const form: ErrorForm = ({ error, headers, status }) => refusal(status, error, headers)
