/**
 * Installs foreign programs from npm, as users do, into a temporary folder outside this project. The next run reuses the
 * folder. The acceptance tests use it.
 */
import { spawnSync } from "node:child_process"
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** The folder of all installations. */
export const root = join(tmpdir(), "causeway-acceptance")

/** Installs packages into their own folder, unless they are installed already. */
export const install = (folder: string, ...packages: ReadonlyArray<string>): void => {
  const done = join(folder, "installed")
  if (existsSync(done)) return
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, "package.json"), "{}")
  const args = ["install", "--no-audit", "--no-fund", "--omit=optional", "--ignore-scripts", ...packages]
  const { status, stderr } = spawnSync("npm", args, { cwd: folder, encoding: "utf8" })
  if (status !== 0) throw new Error(`npm failed to install ${packages.join(", ")}: ${stderr}`)
  writeFileSync(done, "")
}

const homes: Array<string> = []
process.on("exit", () => homes.forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** Makes a home folder, so that programs share no files. The end of the process removes it. */
export const home = (): string => {
  mkdirSync(root, { recursive: true })
  const folder = mkdtempSync(join(root, "home-"))
  homes.push(folder)
  return folder
}
