import { expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { VERSION } from "../../src/domain/Version.ts"

it("The version that clients receive is the version of the package.", () => {
  const { version } = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"))
  expect(VERSION).toBe(version)
})
