/**
 * The benchmarks. `npm run bench` runs all of them and writes RESULTS.md and results.svg. `npm run bench -- ping` runs one
 * and prints it. `--smoke` runs everything once with few messages. `--profile <folder>` writes .cpuprofile files of the
 * servers.
 */
import { writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { join } from "node:path"
import { parseArgs } from "node:util"
import { type Effort, ratioOf, type Result } from "./Compare.ts"
import { picture } from "./Picture.ts"
import { number, report } from "./Report.ts"
import { writeScenarios } from "./Results.ts"
import { fanOut } from "./scenarios/FanOut.ts"
import { growth } from "./scenarios/Growth.ts"
import { handshake } from "./scenarios/Handshake.ts"
import { idleMemory } from "./scenarios/IdleMemory.ts"
import { isolation } from "./scenarios/Isolation.ts"
import { ping } from "./scenarios/Ping.ts"
import { sessions } from "./scenarios/Sessions.ts"
import { startUp } from "./scenarios/Start.ts"
import { turns } from "./scenarios/Turns.ts"
import { profiling } from "./Server.ts"

const scenarios: Readonly<Record<string, (effort: Effort) => Promise<ReadonlyArray<Result>>>> = {
  ping,
  "fan-out": fanOut,
  handshake,
  "idle-memory": idleMemory,
  start: startUp,
  sessions,
  turns,
  isolation,
  growth,
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean" }, rounds: { type: "string" }, profile: { type: "string" } },
})

profiling.folder = values.profile

const effort: Effort = values.smoke
  ? { rounds: 1, warmUp: 0, scale: 0.01 }
  : { rounds: Number(values.rounds ?? 7), warmUp: 8, scale: 1 }

const line = (result: Result, { range, target, value }: Result["figures"][number]): string => {
  const ratio = result.figures.length > 1 ? `x ${ratioOf(result, target)?.toFixed(2)}` : ""
  const spread = range === undefined ? "" : `${number(range[0])} - ${number(range[1])}`
  return `  ${target.padEnd(12)} ${number(value).padStart(8)} ${result.unit.padEnd(4)} ${ratio.padEnd(8)} ${spread}`
}

const results: Array<Result> = []
const [loadBefore = 0] = loadavg()
for (const name of positionals.length === 0 ? Object.keys(scenarios) : positionals) {
  const run = scenarios[name]
  if (run === undefined) throw new Error(`no scenario ${name}: there are ${Object.keys(scenarios).join(", ")}`)
  for (const result of await run(effort)) {
    results.push(result)
    console.log([result.work, ...result.figures.map((figure) => line(result, figure))].join("\n"))
  }
}
if (!values.smoke && positionals.length === 0) {
  writeScenarios(report(results, { rounds: effort.rounds, loadBefore }))
  writeFileSync(join(import.meta.dirname, "results.svg"), picture(results))
}
