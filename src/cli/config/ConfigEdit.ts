/**
 * ConfigEdit: changes options in the text of a configuration file. It keeps comments, the order of options and the place of
 * each option, which is the top level or the block `gateway`. The setup uses it.
 */
import * as Effect from "effect/Effect"
import type { Document } from "yaml"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"

export interface ConfigChange {
  /** The name of an option. */
  readonly option: string
  /** The name of an entry, if the option is a record. An entry that the file has already stays as it is. */
  readonly entry?: string
  /** `undefined` removes the option. */
  readonly value: unknown
}

/** Returns the path of an option: where the file has it, else in the block `gateway` if there is one. */
const pathOf = (document: Document, option: string): ReadonlyArray<string> => {
  const nested = ["gateway", option]
  if (document.hasIn(nested)) return nested
  return !document.has(option) && isMapping(document.get("gateway")) ? nested : [option]
}

const isMapping = (node: unknown): boolean => typeof node === "object" && node !== null && "items" in node

const apply = (document: Document, { entry, option, value }: ConfigChange): void => {
  const path = pathOf(document, option)
  if (value === undefined) {
    if (document.hasIn(path)) document.deleteIn(path)
    return
  }
  if (entry === undefined) {
    document.setIn(path, value)
    return
  }
  if (document.hasIn([...path, entry])) return
  // A name without a value, as in `providers:`, is no collection yet.
  const record: unknown = document.getIn(path)
  if (record === null || record === undefined) document.setIn(path, document.createNode({}))
  document.setIn([...path, entry], document.createNode(value))
}

/** Returns the text with the changes. Fails if the file has another form, for example an alias in the place of an option. */
export const edited = Effect.fn("ConfigEdit.edited")(function* (
  name: string,
  text: string,
  changes: ReadonlyArray<ConfigChange>,
) {
  const { parseDocument } = yield* Effect.promise(() => import("yaml"))
  return yield* Effect.try({
    try: () => {
      const document = parseDocument(text)
      for (const change of changes) apply(document, change)
      return document.toString({ lineWidth: 0 })
    },
    catch: (error) =>
      new CommandFailed({
        problem: `cannot change ${name} (${error instanceof Error ? error.message.split("\n", 1)[0] : "unknown"})`,
        remedy: "add the provider by hand (docs/models.md)",
        exitCode: ExitCode.failed,
      }),
  })
})
