/**
 * Architecture: the rules that neither the compiler nor the linter checks. They cover import direction between layers
 * and between folders, import cycles, module headers and the length of files.
 */
import { describe, expect, it } from "@effect/vitest"
import { importCycles, importsOf, ownImportsOf, upwardImports, wrongImports } from "./Imports.ts"
import { filesIn } from "./SourceTree.ts"

const files = filesIn("src").filter(({ path }) => path.endsWith(".ts"))

/** The layers that each layer may import. `client` runs in browsers, so it imports the domain only. */
const layers: Readonly<Record<string, ReadonlyArray<string>>> = {
  domain: ["domain"],
  client: ["client", "domain"],
  "openclaw-client": ["openclaw-client", "client", "domain"],
  // The fleet is a client of other gateways.
  services: ["services", "openclaw-client", "domain"],
  transport: ["transport", "services", "domain"],
  cli: ["cli", "client", "transport", "services", "domain", "."],
  ".": [".", "cli", "client", "openclaw-client", "transport", "services", "domain"],
}

/**
 * The folders of a layer from the bottom up. A folder imports itself and the folders before it. `.`: the layer's own files.
 */
const folders: Readonly<Record<string, ReadonlyArray<string>>> = {
  services: [
    "storage",
    "traces",
    "http",
    "events",
    "attachments",
    "logs",
    "telemetry",
    "processes",
    "admission",
    "requests",
    "models",
    "connections",
    "agents",
    "memory",
    "transcript",
    "auth",
    "tools",
    "mcp",
    "upstreams",
    "approvals",
    "questions",
    "runtimes",
    "sessions",
    "runs",
    "toolkit",
    "system",
    "fleet",
    "handlers",
  ],
  transport: [
    "connection",
    "dialect",
    "http",
    "fanout",
    "kernel",
    "rpc",
    "metrics",
    "sse",
    "rest",
    "attachments",
    "openai",
    "hooks",
    "fleet",
    "mcp",
    "json-rpc",
    "mission-control",
    "openclaw",
    ".",
  ],
  "transport/openclaw": ["wire", "methods", "events", "handshake", "."],
  cli: ["terminal", "config", "client", "process", "commands", "."],
}

const imports = files.flatMap(importsOf)

describe("Architecture", () => {
  it("Layers import in one direction: main -> cli -> transport -> services -> domain.", () => {
    expect(wrongImports(files, "src", (from, target) => layers[from]?.includes(target) === true)).toEqual([])
  })

  it("Sources import no file outside src.", () => {
    expect(files.flatMap(ownImportsOf).filter(({ target }) => !target.startsWith("src/"))).toEqual([])
  })

  it.each(Object.entries(folders))("Folders of %s import the folders below them only.", (layer, order) => {
    expect(upwardImports(files, `src/${layer}`, order)).toEqual([])
  })

  it("Files have no import cycle, types included.", () => {
    expect(importCycles(files)).toEqual([])
  })

  it("The domain imports effect and itself only.", () => {
    const foreign = imports.filter(
      ({ from, target }) => from.startsWith("src/domain/") && !target.startsWith("./") && !target.startsWith("effect/"),
    )
    expect(foreign).toEqual([])
  })

  it("Sources import modules, not barrels, which cost memory and time at every start.", () => {
    const barrels = imports.filter(({ target }) => /^(effect|effect\/[a-z-]+|@effect\/platform-node)$/.test(target))
    expect(barrels).toEqual([])
  })

  it("Only storage knows a database.", () => {
    const foreign = imports.filter(
      ({ from, target }) =>
        /^(node:sqlite|effect\/sql\/|@effect\/sql)/.test(target) && !from.startsWith("src/services/storage/"),
    )
    expect(foreign).toEqual([])
  })

  it("The two databases do not know each other.", () => {
    const folder = "src/services/storage"
    const crossed = files
      .flatMap(ownImportsOf)
      .filter(
        ({ from, target }) =>
          (from.startsWith(`${folder}/sqlite/`) && target.startsWith(`${folder}/postgres/`)) ||
          (from.startsWith(`${folder}/postgres/`) && target.startsWith(`${folder}/sqlite/`)),
      )
    expect(crossed).toEqual([])
  })

  it("Every file begins with a module header.", () => {
    const without = files.filter(({ text }) => !/^(#!.*\n)?\/\*\*/.test(text))
    expect(without.map(({ path }) => path)).toEqual([])
  })

  it("No file is longer than 350 lines.", () => {
    const long = files.filter(({ text }) => text.split("\n").length > 350)
    expect(long.map(({ path }) => path)).toEqual([])
  })

  it("Types are erased in the listed files only.", () => {
    /** Each cast has a comment that says why it is needed. */
    const listed: ReadonlyArray<string> = ["src/client/Gateway.ts"]
    const prose = /^\s*(\/?\*|\/\/ (?!@ts-))/
    const erased = files.filter(({ text }) =>
      text
        .split("\n")
        .some((line) => !prose.test(line) && /\bas (any|unknown as)\b|@ts-(ignore|expect-error|nocheck)/.test(line)),
    )
    expect(erased.map(({ path }) => path)).toEqual(listed)
  })
})
