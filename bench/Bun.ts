/**
 * Bun: the program that runs servers/Bun.ts, from npm. It is 100 MB large, so it is no dependency of this project: the first
 * run installs it into a temporary folder. Targets.ts uses it.
 */
import { join } from "node:path"
import { install, root } from "../scripts/acceptance/Installation.ts"
import { PROBE, type ServerOptions } from "./Server.ts"

export const BUN = "1.4.5"

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: "x64", arm64: "aarch64" }

/** Returns Bun as a runtime of a server. */
export const bun = (): NonNullable<ServerOptions["runtime"]> => {
  const name = `@oven/bun-${process.platform}-${ARCHITECTURES[process.arch]}`
  const folder = join(root, `bun-${BUN}`)
  install(folder, `${name}@${BUN}`)
  return { path: join(folder, "node_modules", name, "bin/bun"), args: ["--preload", PROBE] }
}
