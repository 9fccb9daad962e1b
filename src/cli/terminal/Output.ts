/**
 * Output: pages for people and JSON for programs. A terminal gets text of others without the characters that would
 * command it, and JSON in ASCII. A program gets contents to the character.
 */
import * as Effect from "effect/Effect"
import { asciiJson, line, printable } from "../../domain/Printable.ts"
import * as Columns from "./Columns.ts"
import { type Target, type WriteFailed, Writer } from "./Writer.ts"

/** Text, and parts of it that are of secondary interest, one after the other. */
export type Page = string | Faint | ReadonlyArray<Page>

interface Faint {
  readonly faint: string
}

/** Dimmed at a terminal. */
export const faint = (text: string): Page => ({ faint: text })

export const joined = (pages: ReadonlyArray<Page>, separator: string): Page =>
  pages.map((page, index) => (index === 0 ? page : [separator, page]))

/** Returns what the target gets. */
const rendered = (page: Page, writer: Writer, target: Target): string => {
  if (typeof page === "string") return printable(page)
  if ("faint" in page) return writer.dim(target, printable(page.faint))
  return page.map((part) => rendered(part, writer, target)).join("")
}

/** Writes a page and a line feed to standard output. */
export const print = (page: Page): Effect.Effect<void, WriteFailed> =>
  Effect.flatMap(Writer, (writer) => writer.write("stdout", `${rendered(page, writer, "stdout")}\n`))

/** Writes a page and a line feed to standard error. No one can be told of a failure of that. */
export const note = (page: Page): Effect.Effect<void> =>
  Effect.flatMap(Writer, (writer) => Effect.ignore(writer.write("stderr", `${rendered(page, writer, "stderr")}\n`)))

/** Writes a text of others as it is; to a terminal, printable. */
export const content = (text: string): Effect.Effect<void, WriteFailed> =>
  Effect.flatMap(Writer, (writer) => writer.write("stdout", writer.isTerminal("stdout") ? printable(text) : text))

/** Writes each value as JSON on a line of its own, or over several lines if `indent` is above 0. */
export const json = (values: ReadonlyArray<unknown>, indent = 0): Effect.Effect<void, WriteFailed> =>
  Effect.flatMap(Writer, (writer) => {
    const text = values.map((value) => `${JSON.stringify(value, undefined, indent)}\n`).join("")
    return writer.write("stdout", writer.isTerminal("stdout") ? asciiJson(text) : text)
  })

/** Writes the answer of the gateway as JSON, or the page that is made of it. */
export const show = (asJson: boolean, value: unknown, page: () => Page): Effect.Effect<void, WriteFailed> =>
  asJson ? json([value]) : print(page())

/** Returns `1 message`, `2 messages`. */
export const counted = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? "" : "s"}`

/** Returns the text on one line of at most so many columns. */
export const shortened = (text: string, width: number): string => Columns.cut(line(text), width)

/** Returns the time to the second, in UTC: `2026-01-31 12:00:00Z`. A number that is no time stays a number. */
export const moment = (at: number): string =>
  Math.abs(at) <= LATEST ? `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z` : String(at)

/** Milliseconds from 1970 that a Date can hold, either way. */
const LATEST = 8.64e15

/** Columns of a cell. Names and keys are cut in the middle: most of them differ at both ends. */
const CELL = 80

/** Returns columns as wide as their widest cell. The last one is not filled up. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number | null>>,
): Page => {
  let isCut = false
  const cells = rows.map((row) =>
    row.map((cell) => {
      const whole = cell === null ? "-" : line(String(cell))
      const shown = Columns.cut(whole, CELL, "middle")
      isCut ||= shown !== whole
      return shown
    }),
  )
  const widths = head.map((name, column) =>
    cells.reduce((widest, row) => Math.max(widest, Columns.columns(row[column] ?? "")), name.length),
  )
  const aligned = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : Columns.filled(cell, widths[column] ?? 0))).join("  ")
  const footer = isCut ? [faint("… is text left out: --json shows it whole")] : []
  return joined([faint(aligned(head)), ...cells.map(aligned), ...footer], "\n")
}
