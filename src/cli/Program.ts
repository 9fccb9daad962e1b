/**
 * Program: runs the command line of this process with the services of Node, and exits with its code. It first turns on
 * the compiler of schemas, which every schema of the modules below uses. main.ts loads it once Node is ready for it.
 */
import "effect/schema/SchemaJITCompiler/enable"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import * as Causeway from "./Causeway.ts"
import { ExitCode } from "./terminal/ExitCode.ts"

export const run = (args: ReadonlyArray<string>): void =>
  Causeway.run(args).pipe(
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
