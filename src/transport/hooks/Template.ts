/**
 * Template: fills the templates of hook mappings with values of a request. Pure. Mappings.ts uses it.
 */
import * as Predicate from "effect/Predicate"
import { cut } from "../../domain/Text.ts"

/** The values that templates can name. */
export interface Values {
  readonly payload: unknown
  /** The item of `forEach`. */
  readonly item?: unknown
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly query: URLSearchParams
  readonly path: string
  /** ISO 8601. */
  readonly now: string
}

/** Characters of a filled template. The text of a message has fewer. */
const MAX_CHARS = 1_048_576

const PLACEHOLDER = /\{\{([^{}]*)\}\}/g

/** Splits `messages[0].subject` into its keys. */
const keysOf = (path: string): ReadonlyArray<string> =>
  path
    .replaceAll("[", ".")
    .replaceAll("]", "")
    .split(".")
    .map((key) => key.trim())
    .filter((key) => key !== "")

/** Returns the value at the path. Inherited members are no values. */
export const valueAt = (root: unknown, path: string): unknown => {
  let value = root
  for (const key of keysOf(path)) {
    if (!Predicate.isObjectOrArray(value) || !Object.hasOwn(value, key)) return undefined
    value = (value as Readonly<Record<string, unknown>>)[key]
  }
  return value
}

const rest = (path: string, root: string): string | undefined =>
  path === root ? "" : path.startsWith(`${root}.`) || path.startsWith(`${root}[`) ? path.slice(root.length) : undefined

const lookUp = (path: string, { headers, item, now, path: hook, payload, query }: Values): unknown => {
  if (path === "") return undefined
  if (path === "now") return now
  if (path === "path") return hook
  const header = rest(path, "headers")
  if (header !== undefined) {
    const name = header.slice(1).toLowerCase()
    return Object.hasOwn(headers, name) ? headers[name] : undefined
  }
  const parameter = rest(path, "query")
  if (parameter !== undefined) return query.get(parameter.slice(1))
  const inItem = item === undefined ? undefined : rest(path, "item")
  if (inItem !== undefined) return valueAt(item, inItem)
  return valueAt(payload, rest(path, "payload") ?? path)
}

const textOf = (value: unknown): string => {
  if (value === undefined || value === null) return ""
  return typeof value === "string" ? value : JSON.stringify(value)
}

/** Headers that carry credentials get into no message. */
const SECRET_HEADERS = new Set(["authorization", "proxy-authorization", "cookie", "x-openclaw-token"])

/** Returns the headers that templates may name. */
export const publicHeaders = (headers: Values["headers"]): Values["headers"] =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !SECRET_HEADERS.has(name)))

/** Fills the template. A missing value is an empty text, an object is JSON. */
export const fill = (template: string, values: Values): string => {
  let text = ""
  let end = 0
  for (const match of template.matchAll(PLACEHOLDER)) {
    text += template.slice(end, match.index) + textOf(lookUp(match[1]!.trim(), values))
    end = match.index + match[0].length
    if (text.length > MAX_CHARS) return cut(text, MAX_CHARS)
  }
  return cut(text + template.slice(end), MAX_CHARS).trim()
}
