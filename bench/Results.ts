/** RESULTS.md: a part of it for each of the two commands that measure, which leaves the other's as it is. */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const FILE = join(import.meta.dirname, "RESULTS.md")

const SECOND = "## Beside OpenClaw's own gateway\n"

const parts = (): readonly [string, string] => {
  const page = existsSync(FILE) ? readFileSync(FILE, "utf8") : ""
  const at = page.indexOf(SECOND)
  return at === -1 ? [page, ""] : [page.slice(0, at), page.slice(at)]
}

const write = (...texts: ReadonlyArray<string>): void =>
  writeFileSync(
    FILE,
    `${texts
      .map((text) => text.trim())
      .join("\n\n")
      .trim()}\n`,
  )

/** All scenarios. */
export const writeScenarios = (text: string): void => write(text, parts()[1])

/** What comes under the heading. */
export const writeBesideOpenClaw = (text: string): void => write(parts()[0], `${SECOND}\n${text}`)
