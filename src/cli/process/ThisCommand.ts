/**
 * ThisCommand: the command lines that this program suggests to the user, as the user has to type them. The banner of the
 * gateway and the setup use it.
 */
import { realpathSync } from "node:fs"
import { processEnvironment } from "../config/Environment.ts"

/** Returns the command that runs this program. Under npx, the program may not be in the path or in a local folder. */
const commandOf = (script: string, byNpm: boolean): string => {
  if (/[/\\]_npx[/\\]/.test(script)) return "npx @causeway/gateway"
  return byNpm || script.endsWith(".ts") ? "npx causeway" : "causeway"
}

/** In a clone of this repository, npx runs a link to it. */
const realScript = (): string => {
  try {
    return realpathSync(process.argv[1] ?? "")
  } catch {
    return ""
  }
}

const thisCommand = commandOf(realScript(), processEnvironment["npm_command"] !== undefined)

/** Returns a command line of this program with the arguments and flags. */
export const commandLine = (args: string, flags: ReadonlyArray<string> = []): string =>
  [thisCommand, args, ...flags].join(" ")

/** Returns the text quoted for a shell. */
export const quoted = (text: string): string =>
  /^[\w.,:/~@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`

/** Returns the flags that name the place of a gateway, as the user gave them. */
export const placeFlags = (flags: Readonly<Record<string, string | undefined>>): ReadonlyArray<string> =>
  ["config", "state-dir"].flatMap((name) => (flags[name] === undefined ? [] : [`--${name}`, quoted(flags[name])]))
