/**
 * McpMessages: the messages of a local MCP server, one JSON message in each line. It drops lines that are no message, so
 * that a stray print does not end the connection, and fields that JSON-RPC does not have, which the client would refuse.
 * McpConnection uses it.
 */
import * as Predicate from "effect/Predicate"
import { type JsonRpcMessage, jsonRpcIn } from "../processes/Lines.ts"

/** The notification of a server whose tools have changed. */
export const TOOLS_CHANGED = "notifications/tools/list_changed"

const FIELDS = ["jsonrpc", "id", "method", "params", "result"]

const ERROR_FIELDS = ["code", "message", "data"]

const pick = (object: JsonRpcMessage, fields: ReadonlyArray<string>): JsonRpcMessage =>
  Object.fromEntries(fields.filter((field) => Object.hasOwn(object, field)).map((field) => [field, object[field]]))

/** Returns the message in the line, or `undefined` if the line has none, or an error that answers no request. */
export const messageIn = (line: string): JsonRpcMessage | undefined => {
  const message = jsonRpcIn(line)
  if (message === undefined) return undefined
  const { error, id } = message
  if (error === undefined) {
    const isCall = typeof message["method"] === "string"
    return isCall || (id !== undefined && id !== null && "result" in message) ? pick(message, FIELDS) : undefined
  }
  if (id === undefined || id === null || !Predicate.isReadonlyObject(error)) return undefined
  return { ...pick(message, ["jsonrpc", "id"]), error: pick({ ...error }, ERROR_FIELDS) }
}
