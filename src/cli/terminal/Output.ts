/**
 * Output: writes pages for people and JSON for programs. Foreign text cannot control a terminal: it gets printable text
 * and JSON in ASCII. Pipes and files get contents unchanged. Every command uses it.
 */
import * as Effect from "effect/Effect"
import { asciiJson, line, printable } from "../../domain/Printable.ts"
import * as Columns from "./Columns.ts"
import { type Target, type WriteFailed, Writer } from "./Writer.ts"

/** Text with parts of secondary interest, which a terminal shows dimmed. */
export type Page = string | Faint | ReadonlyArray<Page>

interface Faint {
  readonly faint: string
}

/** Marks text that a terminal shows dimmed. */
export const faint = (text: string): Page => ({ faint: text })

export const joined = (pages: ReadonlyArray<Page>, separator: string): Page =>
  pages.map((page, index) => (index === 0 ? page : [separator, page]))

/** Returns the page as text for the target. */
const rendered = (page: Page, writer: Writer, target: Target): string => {
  if (typeof page === "string") return printable(page)
  if ("faint" in page) return writer.dim(target, printable(page.faint))
  return page.map((part) => rendered(part, writer, target)).join("")
}

/** Writes a page and a line feed to standard output. */
export const print = (page: Page): Effect.Effect<void, WriteFailed> =>
  Effect.flatMap(Writer, (writer) => writer.write("stdout", `${rendered(page, writer, "stdout")}\n`))

/** Writes a page and a line feed to standard error. Ignores a failed write, because nothing could report it. */
export const note = (page: Page): Effect.Effect<void> =>
  Effect.flatMap(Writer, (writer) => Effect.ignore(writer.write("stderr", `${rendered(page, writer, "stderr")}\n`)))

/** Writes foreign text unchanged, or printable to a terminal. */
export const content = (text: string): Effect.Effect<void, WriteFailed> =>
  Effect.flatMap(Writer, (writer) => writer.write("stdout", writer.isTerminal("stdout") ? printable(text) : text))

/** Writes each value as JSON on a line of its own, or over several lines if `indent` is above 0. */
export const json = (values: ReadonlyArray<unknown>, indent = 0): Effect.Effect<void, WriteFailed> =>
  Effect.flatMap(Writer, (writer) => {
    const text = values.map((value) => `${JSON.stringify(value, undefined, indent)}\n`).join("")
    return writer.write("stdout", writer.isTerminal("stdout") ? asciiJson(text) : text)
  })

/** Writes the gateway's result as JSON or as a page. */
export const show = (asJson: boolean, value: unknown, page: () => Page): Effect.Effect<void, WriteFailed> =>
  asJson ? json([value]) : print(page())

/** Returns `1 message`, `2 messages`. */
export const counted = (amount: number, noun: string): string => `${amount} ${noun}${amount === 1 ? "" : "s"}`

/** Returns the text on one line of at most `width` columns. */
export const oneLine = (text: string, width: number): string => Columns.truncated(line(text), width)

/** Returns the time to the second, in UTC: `2026-01-31 12:00:00Z`. Returns the number itself if `Date` cannot hold it. */
export const moment = (at: number): string =>
  Math.abs(at) <= MAX_DATE_MS ? `${new Date(at).toISOString().slice(0, 19).replace("T", " ")}Z` : String(at)

/** The largest number of milliseconds before or after 1970 that `Date` can hold. */
const MAX_DATE_MS = 8.64e15

/** Returns a duration such as `1d 2h 3m 4s`. */
export const duration = (ms: number): string => {
  const seconds = Math.floor(ms / 1_000)
  const parts: ReadonlyArray<readonly [number, string]> = [
    [Math.floor(seconds / 86_400), "d"],
    [Math.floor(seconds / 3_600) % 24, "h"],
    [Math.floor(seconds / 60) % 60, "m"],
    [seconds % 60, "s"],
  ]
  const first = parts.findIndex(([amount]) => amount > 0)
  return (first === -1 ? parts.slice(-1) : parts.slice(first)).map(([amount, unit]) => `${amount}${unit}`).join(" ")
}

/** Columns of a cell. Names and keys are truncated in the middle, because most of them differ at both ends. */
const CELL_COLUMNS = 80

/** Returns a table whose columns are as wide as their widest cell. The last column has no padding. */
export const table = (
  head: ReadonlyArray<string>,
  rows: ReadonlyArray<ReadonlyArray<string | number | null>>,
): Page => {
  let isTruncated = false
  const cells = rows.map((row) =>
    row.map((cell) => {
      const whole = cell === null ? "-" : line(String(cell))
      const shown = Columns.truncated(whole, CELL_COLUMNS, "middle")
      isTruncated ||= shown !== whole
      return shown
    }),
  )
  const widths = head.map((name, column) =>
    cells.reduce((widest, row) => Math.max(widest, Columns.columns(row[column] ?? "")), name.length),
  )
  const aligned = (row: ReadonlyArray<string>) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : Columns.padded(cell, widths[column] ?? 0))).join("  ")
  const footer = isTruncated ? [faint("… marks shortened text: --json prints it whole")] : []
  return joined([faint(aligned(head)), ...cells.map(aligned), ...footer], "\n")
}
