/**
 * The benchmarks: `npm run bench` runs all and writes RESULTS.md and results.svg, `npm run bench -- ping` runs one and
 * prints it. `--smoke`: everything once with few messages, to see that it runs. `--profile <folder>`: where the servers'
 * processors spent their time, as .cpuprofile files.
 */
import { parseArgs } from "node:util"
import { type Effort, ratioOf, type Result } from "./Compare.ts"
import { profiling } from "./Server.ts"
import { fanOut } from "./scenarios/FanOut.ts"
import { handshake } from "./scenarios/Handshake.ts"
import { idleMemory } from "./scenarios/IdleMemory.ts"
import { ping } from "./scenarios/Ping.ts"
import { sessions } from "./scenarios/Sessions.ts"
import { startUp } from "./scenarios/Start.ts"

const scenarios: Readonly<Record<string, (effort: Effort) => Promise<ReadonlyArray<Result>>>> = {
  ping,
  "fan-out": fanOut,
  handshake,
  "idle-memory": idleMemory,
  start: startUp,
  sessions,
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { smoke: { type: "boolean" }, rounds: { type: "string" }, profile: { type: "string" } },
})

profiling.folder = values.profile

const effort: Effort = values.smoke
  ? { rounds: 1, warmUp: 0, scale: 0.01 }
  : { rounds: Number(values.rounds ?? 7), warmUp: 4, scale: 1 }

const print = (result: Result) => {
  console.log(result.work)
  for (const { range, target, value } of result.figures) {
    const ratio = ratioOf(result, target)
    console.log(
      `  ${target.padEnd(12)} ${value.toFixed(2).padStart(9)} ${result.unit}  ${ratio?.toFixed(2) ?? ""}  [${range?.map((n) => n.toFixed(2)).join(" - ") ?? ""}]`,
    )
  }
}

for (const name of positionals.length === 0 ? Object.keys(scenarios) : positionals) {
  const run = scenarios[name]
  if (run === undefined) throw new Error(`no scenario ${name}: there are ${Object.keys(scenarios).join(", ")}`)
  for (const result of await run(effort)) print(result)
}
