/**
 * LogLine: an entry of the log as text for standard error. Pure; Logs uses it. Entries hold text of others, and a person
 * reads them at a terminal.
 */
import type { LogEntry } from "../../domain/Log.ts"
import { printable, printableJson } from "../../domain/Printable.ts"

/** Returns the entry as JSON on one line. */
export const asJson = ({ at, level, source, message }: LogEntry): string =>
  printableJson(JSON.stringify({ at: new Date(at).toISOString(), level, source, message }))

/** Returns the entry for people. Further lines of its message are indented, so that they cannot pass for entries. */
export const asLine = ({ at, level, source, message }: LogEntry): string =>
  `${new Date(at).toISOString()} ${level.toUpperCase().padEnd(5)} ${source}: ${printable(message).replaceAll("\n", "\n    ")}`
