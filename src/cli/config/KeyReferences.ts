/**
 * KeyReferences: reads the secrets of records, such as `providers.<name>.apiKey`, from where the configuration says:
 * `apiKeyVariable` names an environment variable, `apiKeyFile` a file. LoadConfig.ts uses it. A reference that leads to no
 * secret is no error here, because the clients among the commands read the same file and need no key.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Record from "effect/Record"
import { resolvePath } from "../../services/storage/StateFolder.ts"
import { configOptions } from "./ConfigOptions.ts"
import type { Environment } from "./Environment.ts"
import { firstBytes } from "./SecretFiles.ts"

export type Tree = { readonly [key: string]: unknown }

/** The texts of files by their names in the configuration. */
export type KeyFiles = ReadonlyMap<string, string>

/** The records, and lists of records, with secrets. The secrets are directly in the entries. */
const records = configOptions.flatMap(({ fields = [], path }) =>
  fields.some(({ secret }) => secret)
    ? [{ path, secrets: fields.filter(({ secret }) => secret).map(({ path }) => path.join(".")) }]
    : [],
)

/** Returns the tree with a change of each entry of the record or list at the path, if there is one. */
const mapAt = (tree: Tree, [key = "", ...rest]: ReadonlyArray<string>, change: (entry: unknown) => unknown): Tree => {
  const value = tree[key]
  if (Array.isArray(value) && rest.length === 0) return { ...tree, [key]: value.map(change) }
  if (!Predicate.isReadonlyObject(value)) return tree
  return { ...tree, [key]: rest.length === 0 ? Record.map(value, change) : mapAt(value, rest, change) }
}

/** Returns the tree with a change of each entry of a record that has secrets. */
const mapEntries = (tree: Tree, change: (entry: Tree, secret: string) => Tree): Tree =>
  records.reduce(
    (changed, { path, secrets }) =>
      mapAt(changed, path, (entry) =>
        Predicate.isReadonlyObject(entry) ? secrets.reduce<Tree>(change, entry) : entry,
      ),
    tree,
  )

/** Returns the tree with the secrets to which its records refer. A secret in the record itself wins, then the variable. */
export const withKeys = (tree: Tree, environment: Environment, files: KeyFiles): Tree =>
  mapEntries(tree, (entry, secret) => {
    const variable = entry[`${secret}Variable`]
    const file = entry[`${secret}File`]
    const fromVariable = typeof variable === "string" ? environment[variable] : undefined
    const text = fromVariable?.trim() ? fromVariable : typeof file === "string" ? files.get(file) : undefined
    return entry[secret] === undefined && text?.trim() ? { ...entry, [secret]: text } : entry
  })

/** Reads the files to which the records refer. Leaves out those that it cannot read. */
export const readKeyFiles = Effect.fn("readKeyFiles")(function* (tree: Tree) {
  const names = new Set<string>()
  mapEntries(tree, (entry, secret) => {
    const name = entry[`${secret}File`]
    if (typeof name === "string" && name !== "") names.add(name)
    return entry
  })
  const files = new Map<string, string>()
  for (const name of names) {
    const text = yield* Effect.orElseSucceed(
      Effect.tryPromise(() => firstBytes(resolvePath(name))),
      () => "",
    )
    files.set(name, text)
  }
  return files
})
