/**
 * Output: what a command found, as a page for people or as JSON for programs. Text that others wrote goes to a terminal
 * without the characters that would command it.
 */
import * as Console from "effect/Console"
import type * as Effect from "effect/Effect"
import { styleText } from "node:util"

/** The answer of the gateway as it is, or the page that is made of it. */
export const show = (asJson: boolean, value: unknown, page: () => string): Effect.Effect<void> =>
  Console.log(asJson ? JSON.stringify(value) : page())

/** C0 and C1 controls but line feed and tab: what moves cursors, renames windows and writes to clipboards. */
const CONTROLS = /(?![\n\t])\p{Cc}/gu

export const printable = (text: string): string => text.replace(CONTROLS, "\u{FFFD}")

/** `1 message`, `2 messages`. */
export const counted = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? "" : "s"}`

/** On one line. */
export const line = (text: string): string => printable(text).replace(/\s+/g, " ").trim()

export const shortened = (text: string, characters: number): string => {
  const whole = line(text)
  return whole.length <= characters ? whole : `${whole.slice(0, characters - 1).trimEnd()}…`
}

/** To the second, in UTC: `2026-01-31 12:00:00Z`. A number that is no time is shown as it is. */
export const moment = (at: number): string =>
  Math.abs(at) <= LATEST ? `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z` : String(at)

/** Milliseconds from 1970 that a Date can hold, either way. */
const LATEST = 8.64e15

/** Of secondary interest. Plain where nobody looks, and where NO_COLOR asks for it. */
export const faint = (text: string, stream: NodeJS.WriteStream = process.stdout): string =>
  styleText("dim", text, { stream })

/** Columns as wide as their widest cell. The last one is not filled up. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number | null>>,
): string => {
  const cells = rows.map((row) => row.map((cell) => (cell === null ? "-" : line(String(cell)))))
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((row) => row[column]?.length ?? 0)))
  const filled = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0))).join("  ")
  return [faint(filled(head)), ...cells.map(filled)].join("\n")
}
