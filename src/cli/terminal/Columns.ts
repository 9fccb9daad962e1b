/**
 * Columns: how wide a terminal shows a text, and texts cut to a width between characters as people count them. Tables
 * and event lines use it.
 */
import { createRequire } from "node:module"

let stringWidth: ((text: string) => number) | undefined

/** Loads the tables of Unicode with the first text that needs them: most commands show ASCII. */
const unicodeWidth = (text: string): number => {
  stringWidth ??= (createRequire(import.meta.url)("string-width") as { readonly default: (text: string) => number })
    .default
  return stringWidth(text)
}

const BEYOND_ASCII = /[^ -~]/

/** Returns the columns that a terminal takes for one line of printable text. */
export const columns = (text: string): number => (BEYOND_ASCII.test(text) ? unicodeWidth(text) : text.length)

/** Fills the text up with blanks. */
export const filled = (text: string, width: number): string => text + " ".repeat(Math.max(0, width - columns(text)))

/** UTF-16 units per column that are looked at. A character of many combining marks is no reason to read a whole book. */
const UNITS_PER_COLUMN = 32

/** Returns the text in at most so many columns. `end` and `middle` say where the ellipsis stands for what is left out. */
export const cut = (text: string, width: number, where: "end" | "middle" = "end"): string => {
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

/** Returns the first characters that fit into so many columns together. */
const fitting = (characters: ReadonlyArray<string>, width: number): ReadonlyArray<string> => {
  let taken = 0
  const end = characters.findIndex((character) => (taken += columns(character)) > width)
  return end === -1 ? characters : characters.slice(0, end)
}
