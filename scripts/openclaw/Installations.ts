/** Installs OpenClaw's own programs. */
import { join } from "node:path"
import { install, root } from "../acceptance/Installation.ts"

/** The current version, and the last version with protocol 3 that the registry still has. */
export const CURRENT = "2026.9.6"
export const PROTOCOL_3 = "2026.4.29"

export interface Installed {
  readonly version: string
  /** The path of the command line's program. */
  readonly entry: string
  /** The path of the Control UI's folder, in versions that have one. */
  readonly controlUi: string
}

export const openclaw = (version: string): Installed => {
  const folder = join(root, `openclaw-${version}`)
  install(folder, `openclaw@${version}`)
  const program = join(folder, "node_modules/openclaw")
  return { version, entry: join(program, "openclaw.mjs"), controlUi: join(program, "dist/control-ui") }
}
