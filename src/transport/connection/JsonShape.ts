/**
 * JsonShape: finds out whether a JSON text would be too expensive as a value, without parsing it. A deeply nested value
 * would overflow the stack of code that walks it recursively. Many small values need many times the memory of their text.
 * One pass looks at a text and allocates nothing. The kernel, /rpc and RequestBody.ts check texts.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c

/** The most values that a text may have. A text of 4 MiB has room for fewer. */
export const MAX_VALUES = 2_097_152

export type ShapeProblem = "too-deep" | "too-many-values"

/** The problems in the words of error messages. */
export const shapeProblems: Readonly<Record<ShapeProblem, string>> = {
  "too-deep": "the JSON is nested too deep",
  "too-many-values": `the JSON has more than ${MAX_VALUES} values`,
}

/** Returns the index of the quote that ends the string which begins before `from`. */
const endOfString = (text: string, from: number): number => {
  for (let end = text.indexOf('"', from); end !== -1; end = text.indexOf('"', end + 1)) {
    let before = end
    while (before > from && text.charCodeAt(before - 1) === BACKSLASH) before--
    if ((end - before) % 2 === 0) return end
  }
  return text.length
}

/**
 * Returns the problem of a text with more than `depth` open brackets at once or more than `values` values. Returns
 * `undefined` for another text. The result means nothing if the text is not JSON.
 */
export const shapeProblem = (depth: number, text: string, values: number = MAX_VALUES): ShapeProblem | undefined => {
  // Each level takes two characters, one to open and one to close it, and so does each value but the first.
  if (text.length <= 2 * Math.min(depth, values)) return undefined
  let open = 0
  let commas = 0
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code === QUOTE) {
      i = endOfString(text, i + 1)
    } else if (code === COMMA) {
      if (++commas >= values) return "too-many-values"
    } else if (code === 0x5b || code === 0x7b) {
      if (++open > depth) return "too-deep"
    } else if (code === 0x5d || code === 0x7d) {
      open--
    }
  }
  return undefined
}
