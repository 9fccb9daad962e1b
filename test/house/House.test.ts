/**
 * The rules of the house that neither the compiler nor the linter sees: who may import whom, how files begin and how
 * long they may be.
 */
import { describe, expect, it } from "@effect/vitest"
import { readFileSync, readdirSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const sources = readdirSync(join(root, "src"), { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => join(entry.parentPath, entry.name))
const text = (file: string) => readFileSync(file, "utf8")

/** Which rooms each room may look into. `client` is for browsers, so it sees the domain alone. */
const mayImport: Record<string, ReadonlyArray<string>> = {
  domain: ["domain"],
  services: ["services", "domain"],
  transport: ["transport", "services", "domain"],
  client: ["client", "domain"],
  cli: ["cli", "client", "transport", "services", "domain", "root"],
  root: ["root", "cli", "client", "transport", "services", "domain"],
}

const roomOf = (file: string): string => {
  const path = relative(join(root, "src"), file)
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "root"
}

const importsOf = (file: string): ReadonlyArray<string> =>
  [...text(file).matchAll(/(?:from|import\()\s*"([^"]+)"|^import "([^"]+)"/gm)].map((match) => match[1] ?? match[2]!)

describe("the house", () => {
  it("is imported in one direction only: main -> cli -> transport -> services -> domain", () => {
    const wrong = sources.flatMap((file) =>
      importsOf(file)
        .filter((target) => target.startsWith("."))
        .map((target) => [roomOf(file), roomOf(resolve(dirname(file), target)), relative(root, file)] as const)
        .filter(([from, to]) => mayImport[from]?.includes(to) !== true),
    )
    expect(wrong).toEqual([])
  })

  it("has a domain that knows effect and nothing else", () => {
    const foreign = sources
      .filter((file) => roomOf(file) === "domain")
      .flatMap((file) => importsOf(file).filter((target) => !target.startsWith("./") && !target.startsWith("effect/")))
    expect(foreign).toEqual([])
  })

  it("imports modules, never barrels: a barrel costs memory and time at every start", () => {
    const barrels = sources.flatMap((file) =>
      importsOf(file).filter((target) => /^(effect|effect\/[a-z-]+|@effect\/platform-node)$/.test(target)),
    )
    expect(barrels).toEqual([])
  })

  it("says at the top of each file what it is for", () => {
    const silent = sources.filter((file) => !/^(#!.*\n)?\/\*\*/.test(text(file)))
    expect(silent.map((file) => relative(root, file))).toEqual([])
  })

  it("keeps files under 350 lines", () => {
    const long = sources.filter((file) => text(file).split("\n").length > 350)
    expect(long.map((file) => relative(root, file))).toEqual([])
  })

  it("erases no type outside the listed places", () => {
    /** Each place says beside the cast why it is needed. */
    const listed: ReadonlyArray<string> = ["src/client/Gateway.ts"]
    const prose = /^\s*(\/?\*|\/\/ (?!@ts-))/
    const erased = sources.filter((file) =>
      text(file)
        .split("\n")
        .some((line) => !prose.test(line) && /\bas (any|unknown as)\b|@ts-(ignore|expect-error|nocheck)/.test(line)),
    )
    expect(erased.map((file) => relative(root, file))).toEqual(listed)
  })
})
