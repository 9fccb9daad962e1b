/** Writes the results as the page RESULTS.md. bench/README.md explains them. */
import { cpus } from "node:os"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { ALONE, goalOf, measuredOf, ratioOf, type Result } from "./Compare.ts"

const ROOT = join(import.meta.dirname, "..")

export const number = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toFixed(value >= 10 ? 1 : 2))

export const withUnit = (value: number, unit: string): string => `${number(value)} ${unit}`

/** The gateway without anything to compare it with. */
export const isSingle = ({ figures }: Result): boolean => figures.length === 1

/** The gateway beside the work of others. The first figure is the same work alone. */
const isTroubled = ({ figures }: Result): boolean => figures[0]?.target === ALONE

/** The gateway and other servers. */
export const isComparison = (result: Result): boolean => !isSingle(result) && !isTroubled(result)

const isRatio = ({ goal }: Result): boolean => goal !== undefined && "ratio" in goal

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(ROOT, "node_modules", name, "package.json"), "utf8")).version

const verdict = (result: Result): string => {
  const goal = goalOf(result)
  if (goal === undefined) return ""
  const measured = measuredOf(result)
  const unit = isRatio(result) ? "x" : result.unit
  return measured <= goal ? `≤ ${goal} ${unit}: met` : `≤ ${goal} ${unit}: missed by ${withUnit(measured - goal, unit)}`
}

const row = (cells: ReadonlyArray<string>): string => `| ${cells.join(" | ")} |`

const table = (head: ReadonlyArray<string>, rows: ReadonlyArray<ReadonlyArray<string>>): string =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n")

const others = ["socket.io", "effect/rpc", "causeway"]

const compared = (results: ReadonlyArray<Result>): string =>
  table(
    ["work", "plain ws", ...others, "goal"],
    results.map((result) => {
      const ratios = others.map((target) => ratioOf(result, target)?.toFixed(2) ?? "")
      return [result.work, withUnit(result.figures[0]!.value, result.unit), ...ratios, verdict(result)]
    }),
  )

const troubled = (results: ReadonlyArray<Result>): string =>
  table(
    ["work", "alone", "beside them", "ratio", "goal"],
    results.map((result) => {
      const [alone, beside] = result.figures
      const values = [alone!, beside!].map(({ value }) => withUnit(value, result.unit))
      return [result.work, ...values, number(measuredOf(result)), verdict(result)]
    }),
  )

const alone = (results: ReadonlyArray<Result>): string =>
  table(
    ["work", "causeway", "range", "goal"],
    results.map((result) => {
      const { range, value } = result.figures[0]!
      return [result.work, withUnit(value, result.unit), range?.map(number).join(" - ") ?? "", verdict(result)]
    }),
  )

export interface Circumstances {
  readonly rounds: number
  readonly loadBefore: number
}

export const report = (results: ReadonlyArray<Result>, { loadBefore, rounds }: Circumstances): string => {
  const versions = ["ws", "socket.io", "effect", "@effect/platform-node"].map((name) => `${name} ${versionOf(name)}`)
  return `# Results

Written by \`npm run bench\` on Node ${process.versions.node} and ${cpus().length} cores, with ${versions.join(", ")}.
Medians of ${rounds} rounds. Load of the machine before it: ${loadBefore.toFixed(1)}.
What is measured and how, and where the time goes: [README.md](README.md).

![The same as a picture](results.svg)

## Beside others

\`plain ws\`: what the server's processor does for one message, one delivery or one connection; for memory, what one
connection takes. The others: how many times that.

${compared(results.filter(isComparison))}

## Beside the work of others

${troubled(results.filter(isTroubled))}

## By itself

${alone(results.filter(isSingle))}

The range is the smallest and the largest of the rounds; of latencies, p50 and the largest.
`
}
