/**
 * The stored results. results.json has the newest ones of each scenario, so a scenario that runs alone replaces only its own.
 * RESULTS.md and results.svg show all of them. The comparison with OpenClaw's gateway has a section of its own in RESULTS.md.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { picture } from "./Picture.ts"
import { type Measured, report } from "./Report.ts"

const file = (name: string): string => join(import.meta.dirname, name)
const read = (name: string): string => (existsSync(file(name)) ? readFileSync(file(name), "utf8") : "")

const PAGE = "RESULTS.md"
const STORED = "results.json"
const SECOND = "## Beside OpenClaw's own gateway\n"

const writePage = (first: string, second: string): void =>
  writeFileSync(file(PAGE), `${`${first.trim()}\n\n${second.trim()}`.trim()}\n`)

/** Replaces the results of one scenario. `order`: the names of all scenarios. */
export const writeScenario = (measured: Measured, order: ReadonlyArray<string>): void => {
  const stored: ReadonlyArray<Measured> = JSON.parse(read(STORED) || "[]")
  const all = [...stored.filter(({ scenario }) => scenario !== measured.scenario), measured]
    .filter(({ scenario }) => order.includes(scenario))
    .toSorted((a, b) => order.indexOf(a.scenario) - order.indexOf(b.scenario))
  writeFileSync(file(STORED), `${JSON.stringify(all, null, 2)}\n`)
  writeFileSync(file("results.svg"), picture(all.flatMap(({ results }) => results)))
  const [, second = ""] = read(PAGE).split(SECOND)
  writePage(report(all), second === "" ? "" : SECOND + second)
}

/** Replaces the text under the heading of the comparison with OpenClaw's gateway. */
export const writeBesideOpenClaw = (text: string): void => {
  const [first = ""] = read(PAGE).split(SECOND)
  writePage(first, `${SECOND}\n${text}`)
}
