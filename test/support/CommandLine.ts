/**
 * Runs commands inside the test process and captures their output, which takes milliseconds instead of a process. The
 * tests in test/cli use it. test/process runs the real binary, for everything that depends on a process.
 */
import * as NodeServices from "@effect/platform-node/NodeServices"
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Causeway from "../../src/cli/Causeway.ts"
import { Writer } from "../../src/cli/terminal/Writer.ts"
import * as CapturedWriter from "./CapturedWriter.ts"
import { TestGateway } from "./TestGateway.ts"

export interface Result {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

const start = Effect.fnUntraced(function* (args: ReadonlyArray<string>) {
  const { prints, written, writer } = CapturedWriter.make(false)
  const command = Causeway.run(args).pipe(
    Effect.map((code): Result => ({ code, ...written })),
    Effect.provideService(Writer, writer),
    Effect.provide(NodeServices.layer),
  )
  const fiber = yield* Effect.forkScoped(command)
  return { prints, stdout: () => written.stdout, result: Fiber.join(fiber) }
})

/** Runs `causeway ...args` to its end. */
export const run = (...args: ReadonlyArray<string>): Effect.Effect<Result> =>
  Effect.scoped(Effect.flatMap(start(args), ({ result }) => result))

const target = Effect.map(TestGateway, ({ stateDir, token, url }) => [
  "--url",
  url,
  "--token",
  token,
  "--state-dir",
  stateDir,
])

/** Runs `causeway ...args` against the test gateway to its end. */
export const cli = (...args: ReadonlyArray<string>): Effect.Effect<Result, never, TestGateway> =>
  Effect.flatMap(target, (target) => run(...args, ...target))

/** Runs `causeway ...args` against the test gateway until the scope closes. */
export const open = (...args: ReadonlyArray<string>) => Effect.flatMap(target, (target) => start([...args, ...target]))

/** Returns the JSON output of a successful command. */
export const json = (result: Result): unknown => {
  expect(result).toMatchObject({ code: 0, stderr: "" })
  return JSON.parse(result.stdout)
}

/** Returns the exit code and the one line of a failed command. */
export const failure = ({ code, stderr, stdout }: Result) => {
  expect(stdout).toBe("")
  expect(stderr).toMatch(/^causeway: .+\n$/)
  return { code, line: stderr.trimEnd() }
}
