/**
 * A gateway of the test that holds a program and says so. Tests kill it with SIGKILL. Run as
 * `node HeldProcess.ts <program> <argument>...`.
 */
import * as Effect from "effect/Effect"
import { writeSync } from "node:fs"
import { tmpdir } from "node:os"
import * as SupervisedProcess from "../../src/services/processes/SupervisedProcess.ts"

const [, , command = "", ...args] = process.argv

void Effect.gen(function* () {
  const held = yield* SupervisedProcess.start({ command, args, env: {}, cwd: tmpdir() })
  held.stdout.on("data", (chunk: Uint8Array) => writeSync(1, chunk))
  return yield* Effect.never
}).pipe(Effect.scoped, Effect.runPromise)
