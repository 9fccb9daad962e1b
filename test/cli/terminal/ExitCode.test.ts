import { expect, it } from "@effect/vitest"
import { readFileSync } from "node:fs"
import { ExitCode } from "../../../src/cli/terminal/ExitCode.ts"

it("The page docs/cli.md lists exactly the exit codes of ExitCode.", () => {
  const page = readFileSync(new URL("../../../docs/cli.md", import.meta.url), "utf8")
  const documented = [...page.matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]))
  expect(documented).toEqual(Object.values(ExitCode))
})
