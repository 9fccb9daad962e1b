/**
 * Text: cuts text between characters and replaces halves of characters. JavaScript counts a character beyond U+FFFF as
 * two units. Half a character is not Unicode, and strict JSON parsers drop the whole frame. Every layer cuts text here. It
 * also makes JSON values from text, and text from them.
 */

const isFirstHalf = (code: number): boolean => code >= 0xd8_00 && code <= 0xdb_ff

/** Returns the first `max` UTF-16 units of the text, or one fewer if the last would be half a character. */
export const cut = (text: string, max: number): string => {
  if (text.length <= max) return text
  return max > 0 && isFirstHalf(text.charCodeAt(max - 1)) ? text.slice(0, max - 1) : text.slice(0, Math.max(0, max))
}

/** Returns the text cut by `cut`, with an ellipsis if something is missing. */
export const shortened = (text: string, max: number): string => (text.length <= max ? text : `${cut(text, max)}…`)

/** Returns the text without the given character at its end. A regular expression such as `-+$` takes quadratic time. */
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

/** Returns the JSON value with U+FFFD in place of each half of a character. */
// The cast is safe: strings stay strings, and nothing else changes.
export const wellFormed = <A>(json: A): A => replaceHalves(json) as A

/** Half a character gets into JSON in UTF-8 only as such an escape. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/

/** Parses JSON from outside into a well-formed value. Throws as `JSON.parse` does. */
export const parseJson = (text: string): unknown => {
  const json: unknown = JSON.parse(text)
  return SURROGATE_ESCAPE.test(text) ? wellFormed(json) : json
}

/** Returns a text as it is, and another value as JSON. Returns an empty text for `undefined`. */
export const textOrJson = (value: unknown): string =>
  typeof value === "string" ? value : (JSON.stringify(value) ?? "")

/**
 * Joins the pieces of a text that may be cut anywhere. If the halves of a character come in two pieces, the second piece
 * gets the whole character.
 */
export class Pieces {
  #half = ""

  /** Returns the piece with whole characters only. Returns an empty text if the piece is the first half of one. */
  next(piece: string): string {
    if (this.#half === "" && piece.isWellFormed()) return piece
    const text = this.#half + piece
    const isHalf = isFirstHalf(text.charCodeAt(text.length - 1))
    this.#half = isHalf ? text.slice(-1) : ""
    return (isHalf ? text.slice(0, -1) : text).toWellFormed()
  }
}
