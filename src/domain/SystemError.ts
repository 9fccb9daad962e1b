/**
 * SystemError: reads the code of an error of the operating system. The commands, the OpenClaw client and the modules that
 * open files and connections use it.
 */
import * as Predicate from "effect/Predicate"

/** Returns the code, such as ENOENT. Returns the message of an error without one. */
export const codeOf = (error: unknown): string => {
  if (Predicate.hasProperty(error, "code") && typeof error.code === "string") return error.code
  return error instanceof Error ? error.message : String(error)
}
