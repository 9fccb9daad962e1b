import { expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { isTooOld, OLDEST_NODE } from "../../../src/cli/process/NodeVersion.ts"

it("OLDEST_NODE matches `engines` of package.json.", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8")) as {
    readonly engines: { readonly node: string }
  }
  expect(manifest.engines.node).toBe(`>=${OLDEST_NODE}`)
})

it.each([
  ["20.20.2", true],
  ["22.18.9", true],
  ["22.19.0", false],
  ["22.20.0", false],
  ["23.0.0", false],
  ["24.21.0", false],
])("Node %s is too old: %s.", (version, expected) => {
  expect(isTooOld(version)).toBe(expected)
})
