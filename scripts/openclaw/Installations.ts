/**
 * Installs OpenClaw's own programs from npm, as users do, into a temporary folder outside this project. The next run reuses
 * the folder.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The current version, and the last version with protocol 3 that the registry still has. */
export const CURRENT = "2026.9.6"
export const PROTOCOL_3 = "2026.4.29"

const BROWSER_DRIVER = "playwright-core@1.65.1"

const root = join(tmpdir(), "causeway-acceptance")

export interface Installed {
  readonly version: string
  /** The path of the command line's program. */
  readonly entry: string
  /** The path of the Control UI's folder, in versions that have one. */
  readonly controlUi: string
}

/** Installs packages into their own folder, unless they are installed already. */
const install = (folder: string, ...packages: ReadonlyArray<string>): void => {
  const done = join(folder, "installed")
  if (existsSync(done)) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), "{}")
  const args = ["install", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts", ...packages]
  const { status, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" })
  if (status !== 0) throw new Error(`npm failed to install ${packages.join(", ")}: ${stderr}`)
  writeFileSync(done, "")
}

export const openclaw = (version: string): Installed => {
  const folder = join(root, `openclaw-${version}`)
  install(folder, `openclaw@${version}`)
  const program = join(folder, "node_modules/openclaw")
  return { version, entry: join(program, "openclaw.mjs"), controlUi: join(program, "dist/control-ui") }
}

/** Returns the module that drives the browser of this machine. */
export const browserDriver = (): string => {
  const folder = join(root, "browser")
  install(folder, BROWSER_DRIVER)
  return join(folder, "node_modules/playwright-core/index.mjs")
}

/** Makes a home folder, so that programs share no files. The end of the process removes it. */
export const home = (): string => {
  mkdirSync(root, { recursive: true })
  const folder = mkdtempSync(join(root, "home-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
