/** MethodTable: docs/protocol/openclaw-methods.md lists exactly the methods and events of the code. */
import { expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { eventNames } from "../../../../src/transport/openclaw/events/Events.ts"
import { methodNames, methods } from "../../../../src/transport/openclaw/methods/Methods.ts"

const page = readFileSync(join(import.meta.dirname, "../../../../docs/protocol/openclaw-methods.md"), "utf8")

const namesIn = (cell: string): ReadonlyArray<string> => Array.from(cell.matchAll(/`([^`]+)`/g), ([, name]) => name!)

const rowsOf = (heading: string) => {
  const [, section = ""] = page.split(`\n## ${heading}\n`)
  return section
    .split(/\n##+ /)[0]!
    .split("\n")
    .filter((line) => line.startsWith("| `"))
    .map((line) => line.split("|").map((cell) => cell.trim()))
}

it("The page openclaw-methods.md lists every method with its scope.", () => {
  const listed = rowsOf("Methods").flatMap(([, names = "", scope = ""]) =>
    namesIn(names).map((name) => [name, namesIn(scope)[0]] as const),
  )
  const scopeOf = (name: string) => {
    const method = methods.get(name)
    return method?._tag === "Own" ? method.scope : undefined
  }
  expect(listed.toSorted()).toEqual(methodNames.map((name) => [name, scopeOf(name)] as const).toSorted())
})

it("The page openclaw-methods.md lists every event.", () => {
  const listed = rowsOf("Events").flatMap(([, names = ""]) => namesIn(names))
  expect([...listed, "connect.challenge"].toSorted()).toEqual(eventNames.toSorted())
})
