import { describe, expect, it } from "@effect/vitest"
import * as Result from "effect/Result"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { parse } from "yaml"
import { settingsFrom } from "../../../../src/cli/config/LoadConfig.ts"

const page = readFileSync(join(import.meta.dirname, "../../../../docs/acp.md"), "utf8")

const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, block = ""]) => block)

const fileOf = (content: unknown) => settingsFrom({ flags: {}, environment: {}, file: { name: "page.yaml", content } })

describe("docs/acp.md", () => {
  it.each(["claude", "gemini", "codex", "opencode", "qwen"])(
    "It has a configuration of %s that the gateway accepts.",
    (name) => {
      const own = blocks.filter((block) => Object.keys(parse(block).acp).includes(name))
      expect(own.length).toBeGreaterThan(0)
      for (const block of own) {
        const settings = Result.getOrThrow(fileOf(parse(block)))
        expect(settings.acp[name]).toMatchObject({ command: parse(block).acp[name].command })
      }
    },
  )

  it.each([
    [{ args: [] }, "acp.x.command"],
    [{ command: "x", permissions: { run: "allow" } }, 'has no kind "run"'],
    [{ command: "x", permissions: { edit: "maybe" } }, "acp.x.permissions.edit"],
    [{ command: "x", inherit: ["A=B"] }, "the name of a variable"],
    [{ command: "x", processes: 0 }, "acp.x.processes"],
    [{ command: "x", shell: true }, "acp.x.shell"],
  ])("The configuration %j is refused, and the error names the place.", (agent, place) => {
    const result = fileOf({ acp: { x: agent } })
    expect(Result.isFailure(result) && result.failure.problem).toContain(place)
  })
})
