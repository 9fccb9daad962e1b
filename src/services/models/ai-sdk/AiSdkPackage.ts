/**
 * AiSdkPackage: finds and loads a package that the user installed, beside the gateway or in the folder in which it starts.
 * AiSdkProvider uses it.
 */
import * as Predicate from "effect/Predicate"
import { readFile } from "node:fs/promises"
import { findPackageJSON } from "node:module"
import { dirname, join } from "node:path"
import { pathToFileURL } from "node:url"
import { textAt } from "../JsonValue.ts"

/** Returns the exports of the package, or `undefined` if it is not installed. Rejects if it cannot be loaded. */
export const load = async (name: string, folder: string): Promise<unknown> => {
  const file = manifestOf(name, pathToFileURL(join(folder, "package.json"))) ?? manifestOf(name, import.meta.url)
  if (file === undefined) return undefined
  const manifest: unknown = JSON.parse(await readFile(file, "utf8"))
  const exports: unknown = await import(pathToFileURL(join(dirname(file), entryOf(manifest))).href)
  return exports
}

const manifestOf = (name: string, base: string | URL): string | undefined => {
  try {
    return findPackageJSON(name, base)
  } catch {
    return undefined
  }
}

/** Returns the file that `import` loads, by the few forms of `exports` that providers use. */
const entryOf = (manifest: unknown): string =>
  textAt(manifest, "exports") ??
  textAt(manifest, "exports", ".") ??
  textAt(manifest, "exports", ".", "import") ??
  textAt(manifest, "exports", ".", "import", "default") ??
  textAt(manifest, "exports", ".", "default") ??
  textAt(manifest, "module") ??
  textAt(manifest, "main") ??
  "index.js"

/** A language model of the AI SDK's interface, version 4. */
export interface SdkModel {
  readonly specificationVersion: string
  doStream(options: unknown): PromiseLike<{ readonly stream: ReadableStream<unknown> }>
}

export const isSdkModel = (value: unknown): value is SdkModel =>
  Predicate.hasProperty(value, "specificationVersion") &&
  Predicate.hasProperty(value, "doStream") &&
  typeof value.doStream === "function"

type Callable = (...input: ReadonlyArray<unknown>) => unknown

const isCallable = (value: unknown): value is Callable => typeof value === "function"

/** Returns the function that makes a provider: `createGoogleGenerativeAI`, `createAmazonBedrock` and so on. */
export const factoryOf = (exports: unknown): Callable | undefined => {
  const names = Object.keys(Object(exports)).filter((name) => /^create[A-Z]/.test(name))
  return names.map((name) => Reflect.get(Object(exports), name)).find(isCallable)
}

/** Returns the model of a provider, which is a function or has a method for language models. */
export const modelOf = (provider: unknown, id: string): unknown => {
  if (Predicate.hasProperty(provider, "languageModel") && isCallable(provider.languageModel)) {
    return provider.languageModel(id)
  }
  return isCallable(provider) ? provider(id) : undefined
}
