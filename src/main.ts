#!/usr/bin/env node
/**
 * The binary: takes the command line to cli/Causeway.ts and its exit code back to the shell. Everything is loaded after
 * the compile cache is on, which halves the time to start.
 */
import { enableCompileCache } from "node:module"
import * as YoungGeneration from "./cli/YoungGeneration.ts"

enableCompileCache()
YoungGeneration.hold()

await import("effect/schema/SchemaJITCompiler/enable")
const [Effect, NodeRuntime, NodeServices, Causeway, { ExitCode }] = await Promise.all([
  import("effect/Effect"),
  import("@effect/platform-node/NodeRuntime"),
  import("@effect/platform-node/NodeServices"),
  import("./cli/Causeway.ts"),
  import("./cli/ExitCode.ts"),
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
