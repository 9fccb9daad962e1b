#!/usr/bin/env node
/**
 * The binary: takes the command line to cli/Causeway.ts and its exit code back to the shell. Everything is loaded after
 * the compile cache is on, which halves the time to start, and after a look at Node, which may be too old to load it.
 */
import * as CompileCache from "./cli/process/CompileCache.ts"
import { processEnvironment } from "./cli/config/Environment.ts"
import * as NodeVersion from "./cli/process/NodeVersion.ts"
import * as HeapTuning from "./cli/process/HeapTuning.ts"

// Node opens a debugger port at SIGUSR1 where no listener is in its place. SIGUSR2 ends a process without one.
process.on("SIGUSR1", () => {}).on("SIGUSR2", () => {})

if (NodeVersion.isTooOld(process.versions.node)) {
  process.stderr.write(`causeway: Node ${process.versions.node} is too old: use ${NodeVersion.OLDEST_NODE} or newer\n`)
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
    // A signal interrupts the command before it has a code, unless it counts that as its proper end.
    teardown: (_, end) => end(Number(process.exitCode ?? ExitCode.interrupted)),
  }),
)
