/**
 * LastLines: the newest lines of a program's output, within bounds and without secrets. A failure of the program quotes
 * them. SupervisedProcess fills it from standard error.
 */
import { StringDecoder } from "node:string_decoder"
import { stripVTControlCharacters } from "node:util"
import { line as printableLine } from "../../domain/Printable.ts"
import { shortened } from "../../domain/Text.ts"
import { redact } from "../logs/Redaction.ts"

const LINES = 20

const LINE_CHARS = 400

/** The characters of an unfinished line in memory. The rest of a longer line is dropped. */
const OPEN_CHARS = 2_000

export class LastLines {
  readonly #decoder = new StringDecoder("utf8")
  readonly #lines: Array<string> = []
  readonly #secrets: ReadonlyArray<string>
  #open = ""

  /** `secrets`: values that the lines never show. */
  constructor(secrets: ReadonlyArray<string>) {
    this.#secrets = secrets
  }

  add(chunk: Uint8Array): void {
    const [first = "", ...others] = this.#decoder.write(chunk).split("\n")
    this.#open = append(this.#open, first)
    for (const line of others) {
      this.addLine(this.#open)
      this.#open = append("", line)
    }
  }

  addLine(line: string): void {
    const clean = printableLine(stripVTControlCharacters(line.toWellFormed()))
    if (clean === "") return
    // Redacts before it shortens, so that no part of a secret is left at the end.
    this.#lines.push(shortened(redact(clean, this.#secrets), LINE_CHARS))
    if (this.#lines.length > LINES) this.#lines.shift()
  }

  /** Returns the newest lines, oldest first, also the line that has no end yet. */
  all(): ReadonlyArray<string> {
    this.addLine(this.#open)
    this.#open = ""
    return [...this.#lines]
  }
}

const append = (open: string, text: string): string => (open + text).slice(0, OPEN_CHARS)
