/** Starts a gateway of this folder several times on one database. Each start but those with `never` kills itself. */
import { expect } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import * as Fs from "node:fs"
import * as Os from "node:os"
import * as Path from "node:path"
import { newPlace } from "./TestDatabase.ts"

/** Returns the lines of the file that runs write, and those that all gateways have printed. */
export const playStarts = (program: string, starts: ReadonlyArray<readonly [moment: string, argument: string]>) =>
  Effect.gen(function* () {
    const place = yield* newPlace
    return yield* Effect.promise(() => play(program, place, starts))
  }).pipe(Effect.scoped, Effect.runPromise)

const play = async (program: string, place: string, starts: Parameters<typeof playStarts>[1]) => {
  const folder = Fs.mkdtempSync(Path.join(Os.tmpdir(), "causeway-killed-"))
  try {
    const file = Path.join(folder, "effects")
    let output = ""
    for (const [moment, argument] of starts) {
      const args = [Path.resolve(import.meta.dirname, program), place, file, moment, argument]
      const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] })
      child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text))
      const [code, signal] = await once(child, "close")
      expect([code, signal]).toEqual(moment === "never" ? [0, null] : [null, "SIGKILL"])
    }
    const effects = Fs.existsSync(file) ? Fs.readFileSync(file, "utf8").trim().split("\n") : []
    return { effects, lines: output.trim().split("\n") }
  } finally {
    Fs.rmSync(folder, { recursive: true, force: true })
  }
}
