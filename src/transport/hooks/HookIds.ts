/**
 * HookIds: ids of runs and sessions of hooks. A repeated key leads to the same ids, so the gateway recognizes the repeated
 * message as that of any other client, also after a restart. Hooks.ts and Mappings.ts use it.
 */
import { hash, randomUUID } from "node:crypto"

/** Returns a UUID for the parts (version 8, RFC 9562). */
const uuidOf = (parts: ReadonlyArray<unknown>): string => {
  const digits = hash("sha256", JSON.stringify(parts), "hex")
  return [
    digits.slice(0, 8),
    digits.slice(8, 12),
    `8${digits.slice(13, 16)}`,
    `8${digits.slice(17, 20)}`,
    digits.slice(20, 32),
  ].join("-")
}

/** Returns the id of the run. Without a key it is new. `parts`: all that a repeated request must have in common. */
export const runIdOf = (key: string | undefined, ...parts: ReadonlyArray<unknown>): string =>
  key === undefined ? randomUUID() : uuidOf(["hook", key, ...parts])

/** Returns the session of a run that has no other. */
export const isolatedSession = (runId: string): string => `hook:${runId}`
