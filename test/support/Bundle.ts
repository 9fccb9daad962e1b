/** Bundles the binary and counts the modules that a process of it loads. */
import * as Fs from "node:fs"
import { join, relative, resolve } from "node:path"
import { pathToFileURL } from "node:url"
import type { OutputChunk } from "rolldown"
import { bundle } from "../../scripts/bundle.ts"

const root = resolve(import.meta.dirname, "../..")

/** Writes a line for each file that the process loads, and at the exit one for each module of Node. */
const preload = (log: string): string => `
  import { appendFileSync } from "node:fs"
  import { registerHooks } from "node:module"
  const write = (line) => appendFileSync(${JSON.stringify(log)}, line + "\\n")
  registerHooks({ load: (url, context, next) => (url.startsWith("file:") && write(url), next(url, context)) })
  process.on("exit", () => process.moduleLoadList.forEach(write))
`

export interface Bundle {
  readonly main: string
  /** Paths of all modules from the root of the repository. */
  readonly modules: ReadonlyArray<string>
  /** The variables with which a process of the binary keeps its census. */
  readonly env: Readonly<Record<string, string>>
  readonly census: () => Census
}

export interface Census {
  /** Paths of the modules that the process has loaded. */
  readonly modules: ReadonlyArray<string>
  /** Names of modules of Node, such as `http`. */
  readonly builtins: ReadonlyArray<string>
  /** The characters of the loaded files. */
  readonly characters: number
}

const modulesOf = (files: ReadonlyArray<OutputChunk>): ReadonlyArray<string> =>
  files.flatMap(({ moduleIds }) => moduleIds).map((id) => relative(root, id))

/** Writes the bundle of this source into an empty folder. */
export const make = async (folder: string): Promise<Bundle> => {
  const files = await bundle(folder)
  Fs.writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }))
  const log = join(folder, "loaded")
  const hooks = join(folder, "hooks.js")
  Fs.writeFileSync(hooks, preload(log))
  return {
    main: join(folder, "main.js"),
    modules: modulesOf(files),
    env: { NODE_OPTIONS: `--import=${hooks}` },
    census: () => {
      const lines = Fs.readFileSync(log, "utf8").trim().split("\n")
      const loaded = files.filter(({ fileName }) => lines.includes(pathToFileURL(join(folder, fileName)).href))
      return {
        modules: modulesOf(loaded),
        builtins: lines.flatMap((line) => /^NativeModule (.+)$/.exec(line)?.[1] ?? []),
        characters: loaded.reduce((sum, { code }) => sum + code.length, 0),
      }
    },
  }
}
