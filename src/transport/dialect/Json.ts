/**
 * Json: JSON objects, as clients send them and dialects write them. The dialects and `/rpc` use it.
 */

export type JsonObject = { readonly [member: string]: unknown }

export const isObject = (json: unknown): json is JsonObject =>
  typeof json === "object" && json !== null && !Array.isArray(json)

/** Returns the event position of a stream's value, or `undefined` if the value has none. */
export const seqOf = (value: unknown): number | undefined =>
  isObject(value) && typeof value["seq"] === "number" ? value["seq"] : undefined
