/**
 * Columns: measures, pads and truncates text in columns of a terminal. It cuts between graphemes, which are the
 * characters that people see. Tables and event lines use it.
 */
import { createRequire } from "node:module"

let stringWidth: ((text: string) => number) | undefined

/** Loads the Unicode tables at the first text that needs them, because most commands show ASCII. */
const unicodeWidth = (text: string): number => {
  stringWidth ??= (createRequire(import.meta.url)("string-width") as { readonly default: (text: string) => number })
    .default
  return stringWidth(text)
}

const BEYOND_ASCII = /[^ -~]/

/** Returns the number of columns of one line of printable text. */
export const columns = (text: string): number => (BEYOND_ASCII.test(text) ? unicodeWidth(text) : text.length)

/** Appends blanks up to the width. */
export const padded = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - columns(text)))

/** UTF-16 units read per column: bounds the work for characters with many combining marks. */
const UNITS_PER_COLUMN = 32

/** Returns the text in at most `width` columns, with an ellipsis at its `end` or in its `middle` if something is missing. */
export const truncated = (text: string, width: number, where: "end" | "middle" = "end"): string => {
  const units = UNITS_PER_COLUMN * width
  if (text.length <= units && columns(text) <= width) return text
  const tail = where === "middle" ? Math.floor((width - 1) / 2) : 0
  const start = fitting(graphemes(text.slice(0, units)), width - 1 - tail)
  const end = tail === 0 ? [] : fitting(graphemes(text.slice(-units)).toReversed(), tail).toReversed()
  return `${start.join("").trimEnd()}…${end.join("").trimStart()}`
}

let segmenter: Intl.Segmenter | undefined

const graphemes = (text: string): ReadonlyArray<string> => {
  segmenter ??= new Intl.Segmenter(undefined, { granularity: "grapheme" })
  return Array.from(segmenter.segment(text), ({ segment }) => segment)
}

/** Returns the first characters that fit into `width` columns. */
const fitting = (characters: ReadonlyArray<string>, width: number): ReadonlyArray<string> => {
  let used = 0
  const end = characters.findIndex((character) => (used += columns(character)) > width)
  return end === -1 ? characters : characters.slice(0, end)
}
