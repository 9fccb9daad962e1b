/** Starts gateways of this folder as processes that end by SIGKILL, on one database. The crash tests use it. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Path from "node:path"
import { createInterface } from "node:readline"
import { temporaryFolder } from "./GatewayProcess.ts"
import { start } from "./SourcePrograms.ts"
import { newPlace } from "./TestDatabase.ts"

/** Starts a gateway and kills it after `count` lines of its output. Returns all lines. */
export const killAfterLines = (program: string, args: ReadonlyArray<string>, count: number) =>
  Effect.promise(async (): Promise<ReadonlyArray<string>> => {
    const child = start(program, args)
    const printed: Array<string> = []
    const lines = createInterface({ input: child.stdout })
    const closed = once(lines, "close")
    lines.on("line", (line) => {
      printed.push(line)
      if (printed.length === count) child.kill("SIGKILL")
    })
    const [, signal] = await once(child, "exit")
    await closed
    expect(signal).toBe("SIGKILL")
    return printed
  })

/**
 * Starts a gateway several times. Each start but those with `never` kills itself. Returns the lines of the file that runs
 * write, and those that all gateways have printed.
 */
export const playStarts = (program: string, starts: ReadonlyArray<readonly [moment: string, argument: string]>) =>
  Effect.gen(function* () {
    const place = yield* newPlace
    const file = Path.join(yield* temporaryFolder, "effects")
    let output = ""
    for (const [moment, argument] of starts) {
      const child = start(program, [place, file, moment, argument])
      child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
      const [code, signal] = yield* Effect.promise(() => once(child, "close"))
      expect([code, signal]).toEqual(moment === "never" ? [0, null] : [null, "SIGKILL"])
    }
    const effects = Fs.existsSync(file) ? Fs.readFileSync(file, "utf8").trim().split("\n") : []
    return { effects, lines: output.trim().split("\n") }
  }).pipe(Effect.scoped, Effect.runPromise)
