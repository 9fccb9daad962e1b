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

/** Waits for the checks of a program and prints them. */
export const report = async (program: string, checks: Promise<ReadonlyArray<Check>>): Promise<Result> => {
  say(`\n${program}`)
  const all = await checks
  for (const { name, problem } of all) say(problem === undefined ? `  ok    ${name}` : `  FAIL  ${name}\n${problem}`)
  return { program, checks: all }
}

const section = (results: ReadonlyArray<Result>): string =>
  results
    .map(({ checks, program }) => {
      const lines = checks.map(({ name, problem }) => `- ${problem === undefined ? "works" : "FAILS"}: \`${name}\``)
      return `### ${program}\n\n${lines.join("\n")}\n`
    })
    .join("\n")

const PAGE = join(import.meta.dirname, "../../docs/compatibility.md")

/** Writes the results between the marks `acceptance:<name>`, and sets the exit code: 1 if a check failed. */
export const record = (name: string, results: ReadonlyArray<Result>): void => {
  const page = readFileSync(PAGE, "utf8")
  const begin = `<!-- acceptance:${name} -->`
  const before = page.slice(0, page.indexOf(begin) + begin.length)
  const after = page.slice(page.indexOf(`<!-- /acceptance:${name} -->`))
  const heading = `Tested with Causeway ${VERSION} on Node ${process.version}.`
  writeFileSync(PAGE, `${before}\n\n${heading}\n\n${section(results)}\n${after}`)
  if (results.flatMap(({ checks }) => checks).some(({ problem }) => problem !== undefined)) process.exitCode = 1
}
