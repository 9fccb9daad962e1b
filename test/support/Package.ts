/**
 * Packs a copy of this repository with npm and installs the package into an empty folder, as a user does.
 */
import { execFile } from "node:child_process"
import * as Fs from "node:fs"
import { tmpdir } from "node:os"
import { join, resolve } from "node:path"
import { promisify } from "node:util"

export const root = resolve(import.meta.dirname, "../..")

const bin = join(root, "node_modules/.bin")

export interface Ran {
  readonly stdout: string
  readonly stderr: string
}

/** The PATH of the machine without the folders that npm adds for its scripts. */
const machinePath = (process.env["PATH"] ?? "")
  .split(":")
  .filter((folder) => !/node_modules|node-gyp-bin/.test(folder))
  .join(":")

/**
 * The environment that npm needs to reach its registry: certificates, proxies and settings. Variables that would configure
 * the gateway or npm for this repository are left out.
 */
const machine = Object.fromEntries(
  Object.entries(process.env).filter(
    ([name]) => !/^(GATEWAY_|OPENCLAW_|npm_|NODE_OPTIONS|NODE_ENV|VITEST|INIT_CWD)/.test(name),
  ),
)

/** Runs a program with the repository's tools first in its PATH. Rejects with its output if it fails. */
export const run = (cwd: string, program: string, ...args: ReadonlyArray<string>): Promise<Ran> =>
  execute(cwd, { ...machine, PATH: `${bin}:${machinePath}` }, program, args)

/** Runs `npx causeway ...args` in a clone, as a new user of this machine does. npm does not announce its new versions. */
export const npxCauseway = (clone: string, home: string, ...args: ReadonlyArray<string>): Promise<Ran> => {
  const own = { PATH: machinePath, HOME: home, GATEWAY_PORT: "0", npm_config_update_notifier: "false" }
  return execute(clone, { ...machine, ...own }, "npx", ["causeway", ...args])
}

const execute = async (cwd: string, env: NodeJS.ProcessEnv, program: string, args: ReadonlyArray<string>) => {
  try {
    return await promisify(execFile)(program, args, { cwd, env, maxBuffer: 64 * 1_024 * 1_024 })
  } catch (error) {
    const { stderr, stdout } = error as Ran
    throw new Error(`${program} ${args.join(" ")}\n${stdout}\n${stderr}`, { cause: error })
  }
}

export const temporaryFolder = (): string => Fs.mkdtempSync(join(tmpdir(), "causeway-package-"))

/** Returns the folder of the copy, which equals a clone after `npm ci`. */
export const clone = (folder: string): string => join(folder, "repository")

/** Packs a copy, because packing replaces the manifest for a moment. */
export const pack = async (into: string): Promise<string> => {
  const copy = clone(into)
  for (const name of [
    ".npmrc",
    "src",
    "scripts",
    "package.json",
    "tsconfig.json",
    "tsconfig.build.json",
    "README.md",
    "LICENSE",
  ]) {
    Fs.cpSync(join(root, name), join(copy, name), { recursive: true })
  }
  Fs.symlinkSync(join(root, "node_modules"), join(copy, "node_modules"))
  await run(copy, "npm", "pack", "--silent", "--pack-destination", into)
  const tarball = Fs.readdirSync(into).find((name) => name.endsWith(".tgz"))
  if (tarball === undefined) throw new Error("npm packed nothing")
  return join(into, tarball)
}

/** Installs the package and the types of Node into a consumer's folder. */
export const install = async (into: string, tarball: string): Promise<string> => {
  const consumer = join(into, "consumer")
  Fs.mkdirSync(consumer)
  Fs.writeFileSync(join(consumer, "package.json"), JSON.stringify({ private: true, type: "module" }))
  const { version } = JSON.parse(Fs.readFileSync(join(root, "node_modules/@types/node/package.json"), "utf8")) as {
    version: string
  }
  const quiet = ["--no-audit", "--no-fund", "--prefer-offline", "--loglevel=error"]
  await run(consumer, "npm", "install", ...quiet, tarball, `@types/node@${version}`)
  return consumer
}
