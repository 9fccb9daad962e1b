#!/usr/bin/env node
/**
 * The binary: checks the version of Node and turns on the compile cache, and then loads cli/Program.ts, which runs the
 * command line. The cache halves the time to start.
 */
import * as CompileCache from "./cli/process/CompileCache.ts"
import { processEnvironment } from "./cli/config/Environment.ts"
import * as NodeVersion from "./cli/process/NodeVersion.ts"

// Without listeners, SIGUSR1 opens Node's debugger port and SIGUSR2 ends the process.
process.on("SIGUSR1", () => {}).on("SIGUSR2", () => {})

if (NodeVersion.isTooOld(process.versions.node)) {
  process.stderr.write(
    `causeway: Node ${process.versions.node} is too old: install Node ${NodeVersion.OLDEST_NODE} or newer\n`,
  )
  process.exit(1)
}
CompileCache.enable(processEnvironment)

const { run } = await import("./cli/Program.ts")
run(process.argv.slice(2))
