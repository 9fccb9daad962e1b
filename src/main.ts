#!/usr/bin/env node
/**
 * The binary: runs the command line with cli/Causeway.ts and exits with its code. It checks the version of Node and
 * turns on the compile cache before it loads anything else. The cache halves the time to start.
 */
import * as CompileCache from "./cli/process/CompileCache.ts"
import { processEnvironment } from "./cli/config/Environment.ts"
import * as NodeVersion from "./cli/process/NodeVersion.ts"
import * as HeapTuning from "./cli/process/HeapTuning.ts"

// Without listeners, SIGUSR1 opens Node's debugger port and SIGUSR2 ends the process.
process.on("SIGUSR1", () => {}).on("SIGUSR2", () => {})

if (NodeVersion.isTooOld(process.versions.node)) {
  process.stderr.write(
    `causeway: Node ${process.versions.node} is too old: install Node ${NodeVersion.OLDEST_NODE} or newer\n`,
  )
  process.exit(1)
}
CompileCache.enable(processEnvironment)
HeapTuning.limitYoungGeneration()

await import("effect/schema/SchemaJITCompiler/enable")
const [Effect, NodeRuntime, NodeServices, Causeway, { ExitCode }] = await Promise.all([
  import("effect/Effect"),
  import("@effect/platform-node/NodeRuntime"),
  import("@effect/platform-node/NodeServices"),
  import("./cli/Causeway.ts"),
  import("./cli/terminal/ExitCode.ts"),
])

Causeway.run(process.argv.slice(2)).pipe(
  Effect.map((exitCode) => {
    process.exitCode = exitCode
  }),
  Effect.provide(NodeServices.layer),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    // A command that a signal interrupts has no exit code, unless the interruption is its normal end.
    teardown: (_, end) => end(Number(process.exitCode ?? ExitCode.interrupted)),
  }),
)
