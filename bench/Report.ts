/** Writes the results as the page RESULTS.md. bench/README.md explains them. */
import { cpus } from "node:os"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { BUN } from "./Bun.ts"
import { ALONE, ELSEWHERE, type Figure, isOurs, ratioOf, type Result, verdictOf } from "./Compare.ts"

const ROOT = join(import.meta.dirname, "..")

export const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2))

export const withUnit = (value: number, unit: string): string => `${number(value)} ${unit}`

/** The gateway without anything to compare it with. */
export const isSingle = ({ figures }: Result): boolean => figures.length === 1

/** The gateway beside the work of others. The first figure is the same work alone. */
const isTroubled = ({ figures }: Result): boolean => figures[0]?.target === ALONE

/** The gateway and other servers. */
export const isComparison = (result: Result): boolean => !isSingle(result) && !isTroubled(result)

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version

/** Returns the verdict about the gateway's figure in words, or an empty text without a goal. */
const verdict = (result: Result, figure: Figure): string => {
  const { goal, isMissed, isRatio, measured } = verdictOf(result, figure)
  if (goal === undefined) return ""
  const unit = isRatio ? "x" : result.unit
  return isMissed ? `≤ ${goal} ${unit}: missed by ${withUnit(measured - goal, unit)}` : `≤ ${goal} ${unit}: met`
}

export const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

export const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n")

const goalText = ({ goal, unit }: Result): string =>
  goal === undefined ? "" : "ratio" in goal ? `≤ ${number(goal.ratio)}` : `≤ ${withUnit(goal.value, unit)}`

/** The floor as a value, and the others as ratios to it. With a goal that is a value, all are values. */
const cell = (result: Result, target: string): string => {
  const figure = result.figures.find((figure) => figure.target === target)
  if (figure === undefined) return ""
  const { goal, isMissed } = verdictOf(result, figure)
  const isValue = figure === result.figures[0] || (result.goal !== undefined && "value" in result.goal)
  const text = isValue ? withUnit(figure.value, result.unit) : ratioOf(result, target)!.toFixed(2)
  const own = figure.goal === undefined ? "" : ` of ${goal}`
  return isMissed ? `**${text}${own}**` : `${text}${own}`
}

/** One table for each scenario: a row for each server and wire, and a column for each work. */
const compared = (results: ReadonlyArray<Result>): string => {
  const targets = [...new Set(results.flatMap(({ figures }) => figures.map(({ target }) => target)))]
  const ordered = [...targets.filter((target) => !isOurs(target)), ...targets.filter(isOurs)]
  const rows = ordered.map((target) => [target].concat(results.map((result) => cell(result, target))))
  return table(["", ...results.map(({ work }) => work)], [...rows, ["goal", ...results.map(goalText)]])
}

const troubled = (results: ReadonlyArray<Result>): string =>
  table(
    ["work", "alone", "beside them", "ratio", "goal", "beside them in another process"],
    results.map((result) => {
      const [alone, beside] = result.figures
      const values = [alone!, beside!].map(({ value }) => withUnit(value, result.unit))
      const ratio = ratioOf(result, beside!.target) ?? Number.NaN
      const control = result.figures.find(({ target }) => target === ELSEWHERE)
      const elsewhere =
        control === undefined
          ? ""
          : `${withUnit(control.value, result.unit)}, ${number(ratioOf(result, ELSEWHERE) ?? Number.NaN)}`
      return [result.work, ...values, number(ratio), verdict(result, beside!), elsewhere]
    }),
  )

const alone = (results: ReadonlyArray<Result>): string =>
  table(
    ["work", "causeway", "range", "goal"],
    results.map((result) => {
      const figure = result.figures[0]!
      const { range, value } = figure
      return [result.work, withUnit(value, result.unit), range?.map(number).join(" - ") ?? "", verdict(result, figure)]
    }),
  )

/** The results of one scenario. */
export interface Measured {
  readonly scenario: string
  /** For example `2026-11-28`. */
  readonly date: string
  readonly rounds: number
  /** The load of the machine before the scenario. */
  readonly load: number
  readonly results: ReadonlyArray<Result>
}

export const report = (measured: ReadonlyArray<Measured>): string => {
  const versions = ["ws", "socket.io", "effect", "@effect/platform-node"].map((name) => `${name} ${versionOf(name)}`)
  const comparisons = measured.flatMap(({ results, scenario }) => {
    const comparable = results.filter(isComparison)
    return comparable.length === 0 ? [] : [`### ${scenario}\n\n${compared(comparable)}`]
  })
  const results = measured.flatMap(({ results }) => results)
  const runs = measured.map(({ date, load, rounds, scenario }) => [scenario, date, String(rounds), load.toFixed(1)])
  return `# Results

Written by \`npm run bench\` on Node ${process.versions.node} and ${cpus().length} cores, with ${versions.join(", ")} and Bun ${BUN}.
Each figure is a median of several rounds. [README.md](README.md) says how to measure, and [docs/performance.md](../docs/performance.md) where the time goes.

![The same as a picture](results.svg)

## Beside others

\`plain ws\`: what the server's processor does for one message, one delivery or one connection. The others: how many times
that. Memory is what one connection takes. A figure in bold misses its goal.

${comparisons.join("\n\n")}

## Beside the work of others

${troubled(results.filter(isTroubled))}

## By itself

${alone(results.filter(isSingle))}

The range is the smallest and the largest of the rounds; of latencies, p50 and the largest.

## Runs

${table(["scenario", "date", "rounds", "load of the machine before it"], runs)}
`
}
