import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { join } from "node:path"
import { agentsIn, programIn } from "../../../../src/services/runtimes/acp/AcpDiscovery.ts"
import { temporaryFolder } from "../../../support/GatewayProcess.ts"

/** A folder with programs of the given names. */
const folderOf = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
  const folder = yield* temporaryFolder
  for (const name of names) Fs.writeFileSync(join(folder, name), "#!/bin/sh\n", { mode: 0o755 })
  return folder
})

describe("AcpDiscovery", () => {
  it.effect("Agents on the PATH are found with the arguments that make them speak ACP.", () =>
    Effect.gen(function* () {
      const path = [yield* folderOf("qwen"), yield* folderOf("opencode", "ls")].join(":")
      expect(agentsIn(path)).toMatchObject([
        { name: "opencode", settings: { command: "opencode", args: ["acp"] }, downloads: undefined },
        { name: "qwen", settings: { command: "qwen", args: ["--acp", "--approval-mode", "default"] } },
      ])
    }),
  )

  it.effect("An agent whose adapter is missing runs with npx, after the installed ones.", () =>
    Effect.gen(function* () {
      const adapter = "@agentclientprotocol/claude-agent-acp"
      expect(agentsIn(yield* folderOf("claude", "npx", "qwen"))).toMatchObject([
        { name: "qwen" },
        { name: "claude", settings: { command: "npx", args: ["--yes", adapter] }, downloads: adapter },
      ])
      expect(agentsIn(yield* folderOf("claude", "npx", "claude-agent-acp"))).toMatchObject([
        { name: "claude", settings: { command: "claude-agent-acp" }, downloads: undefined },
      ])
      expect(agentsIn(yield* folderOf("claude"))).toEqual([])
    }),
  )

  it.effect("Folders, files without the right to run, and relative folders of the PATH do not count.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      Fs.mkdirSync(join(folder, "qwen"))
      Fs.writeFileSync(join(folder, "gemini"), "", { mode: 0o644 })
      expect(agentsIn(`${folder}::.:relative`)).toEqual([])
      expect(agentsIn("")).toEqual([])
    }),
  )

  it.effect("A command with a slash is a path.", () =>
    Effect.gen(function* () {
      const program = join(yield* folderOf("qwen"), "qwen")
      expect(programIn("", program)).toBe(program)
      expect(programIn("", "/nowhere/qwen")).toBeUndefined()
    }),
  )
})
