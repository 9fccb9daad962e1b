/**
 * Text: where it may be cut, and what becomes of halves of characters. JavaScript counts a character beyond U+FFFF as
 * two; half of one is not Unicode, and strict JSON parsers drop the whole frame that has it. Every layer cuts text here.
 */

const isFirstHalf = (code: number): boolean => code >= 0xd8_00 && code <= 0xdb_ff

/** Returns the first `max` UTF-16 units of the text, or one fewer where the last would be half a character. */
export const cut = (text: string, max: number): string => {
  if (text.length <= max) return text
  return max > 0 && isFirstHalf(text.charCodeAt(max - 1)) ? text.slice(0, max - 1) : text.slice(0, Math.max(0, max))
}

/** Returns the text cut by `cut`, with an ellipsis where something is missing. */
export const shortened = (text: string, max: number): string => (text.length <= max ? text : `${cut(text, max)}…`)

/** Returns the text without the given character at its end. A pattern such as `-+$` takes quadratic time. */
export const withoutTrailing = (text: string, character: string): string => {
  let end = text.length
  while (end > 0 && text[end - 1] === character) end--
  return text.slice(0, end)
}

const replaceHalves = (json: unknown): unknown => {
  if (typeof json === "string") return json.toWellFormed()
  if (Array.isArray(json)) return json.map(replaceHalves)
  if (typeof json !== "object" || json === null) return json
  return Object.fromEntries(Object.entries(json).map(([name, value]) => [name.toWellFormed(), replaceHalves(value)]))
}

/** Returns the JSON value with U+FFFD in the place of each half of a character. */
// Texts become texts, and nothing else changes.
export const wellFormed = <A>(json: A): A => replaceHalves(json) as A

/** The only way by which half a character gets into JSON that is UTF-8. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/

/** Parses JSON from outside; the value is well-formed. Throws as `JSON.parse` does. */
export const parseJson = (text: string): unknown => {
  const json: unknown = JSON.parse(text)
  return SURROGATE_ESCAPE.test(text) ? wellFormed(json) : json
}

/**
 * Joins the pieces of a text that may be cut anywhere: a character whose halves come in two pieces is whole in the
 * second.
 */
export class Pieces {
  #half = ""

  /** Returns the piece with whole characters alone. It is empty where the piece is the first half of one. */
  next(piece: string): string {
    if (this.#half === "" && piece.isWellFormed()) return piece
    const text = this.#half + piece
    const isHalf = isFirstHalf(text.charCodeAt(text.length - 1))
    this.#half = isHalf ? text.slice(-1) : ""
    return (isHalf ? text.slice(0, -1) : text).toWellFormed()
  }
}
