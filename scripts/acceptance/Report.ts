/**
 * Reports the checks of foreign programs: prints them, and writes them into docs/compatibility.md between the marks of their
 * test. The acceptance tests use it.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { VERSION } from "../../src/domain/Version.ts"

export interface Check {
  readonly name: string
  /** Undefined if the check passed. */
  readonly problem: string | undefined
}

export interface Result {
  /** The program and its version. */
  readonly program: string
  readonly checks: ReadonlyArray<Check>
}

export const say = (text: string) => process.stdout.write(`${text}\n`)

/** Prints a check that has ended. */
export const sayCheck = ({ name, problem }: Check) =>
  say(problem === undefined ? `  ok    ${name}` : `  FAIL  ${name}\n${problem}`)

const sectionOf = ({ checks, program }: Result): string => {
  const lines = checks.map(({ name, problem }) => `- ${problem === undefined ? "works" : "FAILS"}: \`${name}\``)
  return `### ${program}\n\n${lines.join("\n")}\n`
}

const PAGE = join(import.meta.dirname, "../../docs/compatibility.md")

/**
 * Writes the results between the marks `acceptance:<name>`, and sets the exit code: 1 if a check failed. `programs`: all
 * programs of the page. A program without a result keeps the result that the page has.
 */
export const record = (name: string, programs: ReadonlyArray<string>, results: ReadonlyArray<Result>): void => {
  const page = readFileSync(PAGE, "utf8")
  const begin = `<!-- acceptance:${name} -->`
  const start = page.indexOf(begin) + begin.length
  const end = page.indexOf(`<!-- /acceptance:${name} -->`)
  const before = page.slice(start, end).split(/^(?=### )/m)
  const sections = programs.flatMap((program) => {
    const result = results.find((result) => result.program === program)
    if (result !== undefined) return [sectionOf(result)]
    const section = before.find((section) => section.startsWith(`### ${program}\n`))
    return section === undefined ? [] : [`${section.trimEnd()}\n`]
  })
  const heading = `Tested with Causeway ${VERSION} on Node ${process.version}.`
  writeFileSync(PAGE, `${page.slice(0, start)}\n\n${heading}\n\n${sections.join("\n")}\n${page.slice(end)}`)
  if (results.flatMap(({ checks }) => checks).some(({ problem }) => problem !== undefined)) process.exitCode = 1
}
