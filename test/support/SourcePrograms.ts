/**
 * Starts the programs of this folder in processes of their own. Node strips the types of their sources, and a cache of the
 * result halves the processor time of a start. The tests that kill gateways, writers and holders of locks use it.
 */
import { spawn } from "node:child_process"
import { resolve } from "node:path"

const CACHE = resolve(import.meta.dirname, "../../node_modules/.cache/causeway-programs")

/** Starts `node <program> ...args`. `program`: the name of a file in this folder. */
export const start = (program: string, args: ReadonlyArray<string>) =>
  spawn(process.execPath, [resolve(import.meta.dirname, program), ...args], {
    stdio: ["ignore", "pipe", "inherit"],
    env: { ...process.env, NODE_COMPILE_CACHE: CACHE },
  })
