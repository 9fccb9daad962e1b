/** RESULTS.md has one section for each of the two bench commands. Each command replaces its own section only. */
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

/** The section of all scenarios. */
export const writeScenarios = (text: string): void => write(text, parts()[1])

/** The text under the heading. */
export const writeBesideOpenClaw = (text: string): void => write(parts()[0], `${SECOND}\n${text}`)
