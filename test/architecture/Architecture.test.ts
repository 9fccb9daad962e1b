/**
 * Architecture: the rules that neither the compiler nor the linter checks. They cover import direction between layers
 * and between folders, import cycles, module headers and the length of files.
 */
import { describe, expect, it } from "@effect/vitest"
import { readFileSync, readdirSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"

const root = resolve(import.meta.dirname, "../..")
const source = join(root, "src")
const files = readdirSync(source, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".ts"))
  .map((entry) => join(entry.parentPath, entry.name))
const texts = new Map(files.map((file) => [file, readFileSync(file, "utf8")]))
const shown = (file: string) => relative(root, file)

/** The layers that each layer may import. `client` runs in browsers, so it imports the domain only. */
const layers: Readonly<Record<string, ReadonlyArray<string>>> = {
  domain: ["domain"],
  services: ["services", "domain"],
  transport: ["transport", "services", "domain"],
  client: ["client", "domain"],
  cli: ["cli", "client", "transport", "services", "domain", "root"],
  root: ["root", "cli", "client", "transport", "services", "domain"],
}

/** The folders of a layer from the bottom up. A folder imports itself and the folders before it. `.`: the layer's own files. */
const folders: Readonly<Record<string, ReadonlyArray<string>>> = {
  services: [
    "storage",
    "events",
    "logs",
    "connections",
    "agents",
    "memory",
    "transcript",
    "auth",
    "sessions",
    "runs",
    "system",
    "handlers",
  ],
  transport: [
    "connection",
    "dialect",
    "http",
    "fanout",
    "kernel",
    "rpc",
    "json-rpc",
    "mission-control",
    "openclaw",
    ".",
  ],
  "transport/openclaw": ["wire", "methods", "events", "handshake", "."],
  cli: ["terminal", "config", "client", "process", "commands", "."],
}

interface Import {
  readonly from: string
  readonly target: string
}

const importsIn = (file: string): ReadonlyArray<Import> =>
  [
    ...texts.get(file)!.matchAll(/^(?:import|export)\s[^"]*?from "([^"]+)"|^import "([^"]+)"|import\("([^"]+)"\)/gm),
  ].map(([, named, bare, dynamic]) => ({ from: file, target: named ?? bare ?? dynamic! }))

const imports = files.flatMap(importsIn)
const ownImports = imports
  .filter(({ target }) => target.startsWith("."))
  .map(({ from, target }) => ({ from, target: resolve(dirname(from), target) }))

const layerOf = (file: string): string => {
  const path = relative(source, file)
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "root"
}

/** The folder of a file within a layer, `.` for the layer's own files, or `undefined` if it is elsewhere. */
const folderIn = (layer: string, file: string): string | undefined => {
  const path = relative(join(source, layer), file)
  if (path.startsWith("..")) return undefined
  return path.includes("/") ? path.slice(0, path.indexOf("/")) : "."
}

/** Returns one path of files from `file` back to itself, or `undefined` if there is no cycle. */
const cycleFrom = (
  file: string,
  edges: ReadonlyMap<string, ReadonlyArray<string>>,
): ReadonlyArray<string> | undefined => {
  const seen = new Set<string>()
  const visit = (at: string, path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    for (const next of edges.get(at) ?? []) {
      if (next === file) return [...path, next]
      if (seen.has(next)) continue
      seen.add(next)
      const found = visit(next, [...path, next])
      if (found !== undefined) return found
    }
    return undefined
  }
  return visit(file, [file])
}

describe("Architecture", () => {
  it("Layers import in one direction: main -> cli -> transport -> services -> domain.", () => {
    const wrong = ownImports
      .filter(({ from, target }) => layers[layerOf(from)]?.includes(layerOf(target)) !== true)
      .map(({ from, target }) => `${shown(from)} imports ${shown(target)}`)
    expect(wrong).toEqual([])
  })

  it.each(Object.entries(folders))("Folders of %s import the folders below them only.", (layer, order) => {
    const wrong = ownImports.flatMap(({ from, target }) => {
      const importer = folderIn(layer, from)
      const imported = folderIn(layer, target)
      if (importer === undefined || imported === undefined || importer === imported) return []
      const isDown = order.includes(imported) && order.indexOf(imported) < order.indexOf(importer)
      return isDown ? [] : [`${shown(from)} imports ${shown(target)}`]
    })
    expect(wrong).toEqual([])
  })

  it("Files have no import cycle, types included.", () => {
    const edges = new Map(files.map((file) => [file, new Array<string>()]))
    for (const { from, target } of ownImports) edges.get(from)!.push(target)
    const cycles = files.map((file) => cycleFrom(file, edges)).filter((cycle) => cycle !== undefined)
    expect(cycles.map((cycle) => cycle.map(shown).join(" -> "))).toEqual([])
  })

  it("The domain imports effect and itself only.", () => {
    const foreign = imports.filter(
      ({ from, target }) => layerOf(from) === "domain" && !target.startsWith("./") && !target.startsWith("effect/"),
    )
    expect(foreign.map(({ from, target }) => `${shown(from)} imports ${target}`)).toEqual([])
  })

  it("Sources import modules, not barrels, which cost memory and time at every start.", () => {
    const barrels = imports.filter(({ target }) => /^(effect|effect\/[a-z-]+|@effect\/platform-node)$/.test(target))
    expect(barrels.map(({ from, target }) => `${shown(from)} imports ${target}`)).toEqual([])
  })

  it("Every file begins with a module header.", () => {
    const silent = files.filter((file) => !/^(#!.*\n)?\/\*\*/.test(texts.get(file)!))
    expect(silent.map(shown)).toEqual([])
  })

  it("No file is longer than 350 lines.", () => {
    const long = files.filter((file) => texts.get(file)!.split("\n").length > 350)
    expect(long.map(shown)).toEqual([])
  })

  it("Types are erased in the listed files only.", () => {
    /** Each cast has a comment that says why it is needed. */
    const listed: ReadonlyArray<string> = ["src/client/Gateway.ts"]
    const prose = /^\s*(\/?\*|\/\/ (?!@ts-))/
    const erased = files.filter((file) =>
      texts
        .get(file)!
        .split("\n")
        .some((line) => !prose.test(line) && /\bas (any|unknown as)\b|@ts-(ignore|expect-error|nocheck)/.test(line)),
    )
    expect(erased.map(shown)).toEqual(listed)
  })
})
