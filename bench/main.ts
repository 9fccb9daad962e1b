/**
 * The benchmarks. `npm run bench` runs all of them and writes RESULTS.md and results.svg. `npm run bench -- ping` runs one
 * and replaces its part. `--wire openclaw-4` compares only this wire with the other servers. `--smoke` runs everything once
 * with few messages. `--profile <folder>` writes .cpuprofile files of the servers.
 */
import { loadavg } from "node:os"
import { parseArgs } from "node:util"
import { type Effort, ratioOf, type Result } from "./Compare.ts"
import { number } from "./Report.ts"
import { writeScenario } from "./Results.ts"
import { fanOut } from "./scenarios/FanOut.ts"
import { fleet } from "./scenarios/Fleet.ts"
import { growth } from "./scenarios/Growth.ts"
import { handshake } from "./scenarios/Handshake.ts"
import { idleMemory } from "./scenarios/IdleMemory.ts"
import { isolation } from "./scenarios/Isolation.ts"
import { ping } from "./scenarios/Ping.ts"
import { sessions } from "./scenarios/Sessions.ts"
import { startUp } from "./scenarios/Start.ts"
import { streams } from "./scenarios/Streams.ts"
import { telemetry } from "./scenarios/Telemetry.ts"
import { turns } from "./scenarios/Turns.ts"
import { profiling } from "./Server.ts"
import { isWireName, wireNames } from "./wires/Wires.ts"

const scenarios: Readonly<Record<string, (effort: Effort) => Promise<ReadonlyArray<Result>>>> = {
  ping,
  "fan-out": fanOut,
  handshake,
  "idle-memory": idleMemory,
  streams,
  start: startUp,
  sessions,
  turns,
  telemetry,
  isolation,
  fleet,
  growth,
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: {
    smoke: { type: "boolean" },
    rounds: { type: "string" },
    profile: { type: "string" },
    wire: { type: "string", multiple: true, default: [...wireNames] },
  },
})

profiling.folder = values.profile

const wires = values.wire.map((name) => {
  if (isWireName(name)) return name
  throw new Error(`no wire ${name}: there are ${wireNames.join(", ")}`)
})

const effort: Effort = values.smoke
  ? { rounds: 1, warmUp: 0, scale: 0.01, wires }
  : { rounds: Number(values.rounds ?? 7), warmUp: 5, scale: 1, wires }

const line = (result: Result, { range, target, value }: Result["figures"][number]): string => {
  const ratio = result.figures.length > 1 ? `x ${ratioOf(result, target)?.toFixed(2)}` : ""
  const spread = range === undefined ? "" : `${number(range[0])} - ${number(range[1])}`
  return `  ${target.padEnd(15)} ${number(value).padStart(8)} ${result.unit.padEnd(4)} ${ratio.padEnd(8)} ${spread}`
}

const names = Object.keys(scenarios)
const isWhole = !values.smoke && values.profile === undefined && wires.length === wireNames.length

for (const scenario of positionals.length === 0 ? names : positionals) {
  const run = scenarios[scenario]
  if (run === undefined) throw new Error(`no scenario ${scenario}: there are ${names.join(", ")}`)
  const [load = 0] = loadavg()
  const results = await run(effort)
  for (const result of results) {
    console.log([result.work, ...result.figures.map((figure) => line(result, figure))].join("\n"))
  }
  const date = new Date().toISOString().slice(0, 10)
  if (isWhole) writeScenario({ scenario, date, rounds: effort.rounds, load, results }, names)
}
