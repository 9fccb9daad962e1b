import { describe, expect, it } from "@effect/vitest"
import { importCycles, importsOf, upwardImports, wrongImports } from "./Imports.ts"

/** A tree of two topics, where `runs` is above `events`. */
const good = [
  { path: "src/services/events/Events.ts", text: 'import * as Effect from "effect/Effect"' },
  { path: "src/services/events/Log.ts", text: 'import type { Events } from "./Events.ts"' },
  { path: "src/services/runs/Runs.ts", text: 'import { Events } from "../events/Events.ts"' },
  { path: "src/services/Services.ts", text: 'export { Runs } from "./runs/Runs.ts"' },
]

const ORDER = ["events", "runs", "."]

/** Returns the tree with one more line in one file. */
const planted = (path: string, line: string) =>
  good.map((file) => (file.path === path ? { path, text: `${file.text}\n${line}` } : file))

describe("Imports", () => {
  it("A tree without bad imports passes every rule.", () => {
    expect(importCycles(good)).toEqual([])
    expect(upwardImports(good, "src/services", ORDER)).toEqual([])
    expect(wrongImports(good, "src", () => false)).toEqual([])
  })

  it.each([
    ["an import", 'import { Runs } from "../runs/Runs.ts"'],
    ["an import over several lines", 'import {\n  Runs,\n  RunLimits,\n} from "../runs/Runs.ts"'],
    ["an import of a type", 'import type { Runs } from "../runs/Runs.ts"'],
    ["a bare import", 'import "../runs/Runs.ts"'],
    ["a re-export", 'export * from "../runs/Runs.ts"'],
    ["a dynamic import", '  const runs = await import("../runs/Runs.ts")'],
  ])("The rules find %s that points up and closes a cycle.", (_, line) => {
    const files = planted("src/services/events/Events.ts", line)
    expect(upwardImports(files, "src/services", ORDER)).toEqual([
      "src/services/events/Events.ts imports src/services/runs/Runs.ts",
    ])
    expect(importCycles(files)).toEqual([
      "src/services/events/Events.ts -> src/services/runs/Runs.ts -> src/services/events/Events.ts",
      "src/services/runs/Runs.ts -> src/services/events/Events.ts -> src/services/runs/Runs.ts",
    ])
  })

  it("A folder that is missing in the order may not be imported.", () => {
    expect(upwardImports(good, "src/services", ["runs", "."])).toEqual([
      "src/services/runs/Runs.ts imports src/services/events/Events.ts",
    ])
  })

  it("A cycle within one folder is found.", () => {
    expect(importCycles(planted("src/services/events/Events.ts", 'import type { Log } from "./Log.ts"'))).toHaveLength(
      2,
    )
  })

  it("An import between layers that the table does not allow is found.", () => {
    const files = [...good, { path: "src/domain/Run.ts", text: 'import { Runs } from "../services/runs/Runs.ts"' }]
    expect(wrongImports(files, "src", () => false)).toEqual(["src/domain/Run.ts imports src/services/runs/Runs.ts"])
  })

  it("A package import is no import between files.", () => {
    const [events] = good
    expect(importsOf(events!)).toEqual([{ from: events!.path, target: "effect/Effect" }])
    expect(wrongImports([events!], "src", () => false)).toEqual([])
  })
})
