/**
 * LogLine: formats log entries for standard error. Entries may contain text of clients, and people read them at a terminal,
 * so control characters are escaped. Logs uses it.
 */
import type { LogEntry } from "../../domain/Log.ts"
import { printable, printableJson } from "../../domain/Printable.ts"

/** Returns the entry as JSON on one line. */
export const asJson = ({ at, facts, level, source, message }: LogEntry): string =>
  printableJson(JSON.stringify({ at: new Date(at).toISOString(), level, source, message, facts }))

/** Returns the entry for people. Indents all but the first line, so that a message cannot imitate entries. */
export const asLine = ({ at, level, source, message }: LogEntry): string =>
  `${new Date(at).toISOString()} ${level.toUpperCase().padEnd(5)} ${source}: ${printable(message).replaceAll("\n", "\n    ")}`
