/**
 * AcpDiscovery: finds known command-line agents among the programs of a PATH. It starts none of them. The setup uses it.
 */
import { accessSync, constants, statSync } from "node:fs"
import * as Path from "node:path"

/** An agent that could be added to the configuration. */
export interface FoundAgent {
  /** A name for the configuration. */
  readonly name: string
  /** The name of the product, for people. */
  readonly label: string
  /** The fields of `acp.<name>`. */
  readonly settings: {
    readonly command: string
    readonly args?: ReadonlyArray<string>
    readonly inherit?: ReadonlyArray<string>
  }
  /** The npm package that npx downloads at the first start, or `undefined` if the agent is installed. */
  readonly downloads: string | undefined
}

interface KnownAgent {
  readonly name: string
  readonly label: string
  /** The program that speaks ACP. */
  readonly command: string
  readonly args?: ReadonlyArray<string>
  readonly inherit?: ReadonlyArray<string>
  /** The agent's own program and the package that makes it speak ACP. */
  readonly adapter?: { readonly of: string; readonly package: string }
}

/** docs/acp.md tells users how to install and log in each of them. */
const known: ReadonlyArray<KnownAgent> = [
  {
    name: "claude",
    label: "Claude Code",
    command: "claude-agent-acp",
    inherit: ["ANTHROPIC_API_KEY"],
    adapter: { of: "claude", package: "@agentclientprotocol/claude-agent-acp" },
  },
  {
    name: "codex",
    label: "Codex",
    command: "codex-acp",
    inherit: ["OPENAI_API_KEY"],
    adapter: { of: "codex", package: "@agentclientprotocol/codex-acp" },
  },
  { name: "gemini", label: "Gemini CLI", command: "gemini", args: ["--acp"], inherit: ["GEMINI_API_KEY"] },
  { name: "opencode", label: "OpenCode", command: "opencode", args: ["acp"] },
  {
    name: "qwen",
    label: "Qwen Code",
    command: "qwen",
    args: ["--acp", "--approval-mode", "default"],
    inherit: ["OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_MODEL"],
  },
]

/** Returns the path of a program, or `undefined` if the PATH has none. Relative folders do not count. */
export const programIn = (path: string, command: string): string | undefined => {
  const files = command.includes("/")
    ? [command]
    : path.split(Path.delimiter).flatMap((folder) => (Path.isAbsolute(folder) ? [Path.join(folder, command)] : []))
  return files.find(isProgram)
}

const isProgram = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false
  }
}

/** Returns the agents of the PATH. Those that npx has to download come last. */
export const agentsIn = (path: string): ReadonlyArray<FoundAgent> => {
  const has = (command: string) => programIn(path, command) !== undefined
  const found = known.flatMap(({ adapter, args, command, inherit, label, name }): ReadonlyArray<FoundAgent> => {
    const rest = inherit === undefined ? {} : { inherit }
    if (has(command)) {
      return [{ name, label, settings: { command, ...(args && { args }), ...rest }, downloads: undefined }]
    }
    if (adapter === undefined || !has(adapter.of) || !has("npx")) return []
    const settings = { command: "npx", args: ["--yes", adapter.package], ...rest }
    return [{ name, label, settings, downloads: adapter.package }]
  })
  return found.toSorted((a, b) => Number(a.downloads !== undefined) - Number(b.downloads !== undefined))
}
