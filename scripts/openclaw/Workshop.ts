/**
 * The workshop: a temporary folder where OpenClaw's own programs are installed as their users install them, outside this
 * project, and reused by the next run. It knows nothing of what is done with them.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The version that is current, and the last of the protocol-3 era that the registry still installs. */
export const CURRENT = "2026.9.6"
export const PROTOCOL_3 = "2026.4.29"

const BROWSER_DRIVER = "playwright-core@1.65.1"

const workshop = join(tmpdir(), "causeway-acceptance")

export interface Installed {
  readonly version: string
  /** The command line's entry. */
  readonly entry: string
  /** The folder of the Control UI, in versions that have one. */
  readonly controlUi: string
}

/** Installs packages into a folder of their own, unless they are there. */
const install = (folder: string, ...packages: ReadonlyArray<string>): void => {
  const done = join(folder, "installed")
  if (existsSync(done)) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), "{}")
  const args = ["install", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts", ...packages]
  const { status, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" })
  if (status !== 0) throw new Error(`npm could not install ${packages.join(", ")}: ${stderr}`)
  writeFileSync(done, "")
}

export const openclaw = (version: string): Installed => {
  const folder = join(workshop, `openclaw-${version}`)
  install(folder, `openclaw@${version}`)
  const root = join(folder, "node_modules/openclaw")
  return { version, entry: join(root, "openclaw.mjs"), controlUi: join(root, "dist/control-ui") }
}

/** What drives a browser that is on this machine. */
export const browserDriver = (): string => {
  const folder = join(workshop, "browser")
  install(folder, BROWSER_DRIVER)
  return join(folder, "node_modules/playwright-core/index.mjs")
}

/** A home of its own for each run, gone with it: what a program keeps there is not another's. */
export const home = (): string => {
  mkdirSync(workshop, { recursive: true })
  const folder = mkdtempSync(join(workshop, "home-"))
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }))
  return folder
}
