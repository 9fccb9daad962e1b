/** The help texts of all commands. */
import { describe, expect, it } from "@effect/vitest"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Effect from "effect/Effect"
import { readFileSync } from "node:fs"
import { stripVTControlCharacters } from "node:util"
import * as Causeway from "../../src/cli/Causeway.ts"
import { captured } from "../support/CapturedWriter.ts"

const help = (path: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const { stdout } = yield* captured(
      Effect.map(Causeway.run([...path, "--help"]), (code) => expect(code).toBe(0)),
      false,
    )
    return stripVTControlCharacters(stdout).trimEnd()
  }).pipe(Effect.provide(NodeServices.layer))

interface Help {
  /** E.g. `sessions list`. */
  readonly name: string
  readonly text: string
}

/** Returns the help of every command below the path that has no subcommands. */
const helps = Effect.fnUntraced(function* (path: ReadonlyArray<string>): Effect.fn.Return<ReadonlyArray<Help>> {
  const text = yield* help(path)
  const start = text.indexOf("\nSUBCOMMANDS\n")
  if (start === -1) return [{ name: path.join(" "), text }]
  const names = [...text.slice(start).matchAll(/^ {2}(\w+) {2,}\S/gm)].map((match) => match[1]!)
  return (yield* Effect.forEach(names, (name) => helps([...path, name]))).flat()
})

const connects = ({ name }: Help) => !/^(start|setup|doctor|token)/.test(name)

describe("causeway --help", () => {
  it.effect("Every command has a description.", () =>
    Effect.gen(function* () {
      for (const { name, text } of yield* helps([])) {
        expect({ name, text }).toMatchObject({ text: expect.stringMatching(/^DESCRIPTION\n {2}[A-Z][^]*\.\n/) })
      }
    }),
  )

  it.effect("Every command but start has --json, and each that connects has --url and --token.", () =>
    Effect.gen(function* () {
      const all = yield* helps([])
      expect(all.length).toBeGreaterThanOrEqual(25)
      for (const { name, text } of all.filter(({ name }) => name !== "start")) {
        expect({ name, text }).toMatchObject({ text: expect.stringContaining("--json") })
      }
      for (const { name, text } of all.filter(connects)) {
        expect({ name, text }).toMatchObject({ text: expect.stringMatching(/--url[^]*--token/) })
      }
    }),
  )

  it.effect("Every command but plain lists and reads has an example.", () =>
    Effect.gen(function* () {
      const plain = (yield* helps([])).filter(({ text }) => !text.includes("\nEXAMPLES\n")).map(({ name }) => name)
      expect(plain.filter((name) => !/ (list|read)$/.test(name))).toEqual([])
    }),
  )

  it.effect("The page docs/cli.md has a line for every command.", () =>
    Effect.gen(function* () {
      const page = readFileSync(new URL("../../docs/cli.md", import.meta.url), "utf8")
      for (const { name } of yield* helps([])) expect(page).toMatch(new RegExp(`^\\| \`causeway ${name}\\b`, "m"))
    }),
  )
})
