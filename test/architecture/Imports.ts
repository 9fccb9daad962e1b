/**
 * Imports: reads the imports of source files and finds those against a direction, and cycles. Architecture.test.ts
 * applies the rules to `src`.
 */
import { dirname, join } from "node:path"
import type { SourceFile } from "./SourceTree.ts"

export interface Import {
  /** The path of the importing file. */
  readonly from: string
  /** The specifier as it is written. */
  readonly target: string
}

const IMPORT = /^(?:import|export)\s[^"]*?from "([^"]+)"|^import "([^"]+)"|import\("([^"]+)"\)/gm

/** Returns every import and re-export of a file. Imports of types count too. */
export const importsOf = ({ path, text }: SourceFile): ReadonlyArray<Import> =>
  [...text.matchAll(IMPORT)].map(([, named, bare, dynamic]) => ({ from: path, target: named ?? bare ?? dynamic! }))

/** Returns the imports of the files' own neighbours, with the target as a path. */
export const ownImportsOf = (file: SourceFile): ReadonlyArray<Import> =>
  importsOf(file)
    .filter(({ target }) => target.startsWith("."))
    .map(({ from, target }) => ({ from, target: join(dirname(from), target) }))

const shown = ({ from, target }: Import): string => `${from} imports ${target}`

/** Returns the child of the folder that the path is in: a folder's name, or `.` for a file. */
const childOf = (folder: string, path: string): string | undefined => {
  if (!path.startsWith(`${folder}/`)) return undefined
  const rest = path.slice(folder.length + 1)
  return rest.includes("/") ? rest.slice(0, rest.indexOf("/")) : "."
}

/** Finds imports between children of `folder` that `isAllowed` rejects. Imports within a child are always allowed. */
export const wrongImports = (
  files: ReadonlyArray<SourceFile>,
  folder: string,
  isAllowed: (from: string, target: string) => boolean,
): ReadonlyArray<string> =>
  files
    .flatMap(ownImportsOf)
    .filter((one) => {
      const [from, target] = [childOf(folder, one.from), childOf(folder, one.target)]
      return from !== undefined && target !== undefined && from !== target && !isAllowed(from, target)
    })
    .map(shown)

/** Finds imports against the order of folders, from the bottom up. A folder may import the folders before it. */
export const upwardImports = (files: ReadonlyArray<SourceFile>, folder: string, order: ReadonlyArray<string>) =>
  wrongImports(files, folder, (from, target) => order.includes(target) && order.indexOf(target) < order.indexOf(from))

/** Returns one path of files from `file` back to itself, or `undefined` if there is no cycle. */
const cycleFrom = (
  file: string,
  edges: ReadonlyMap<string, ReadonlyArray<string>>,
): ReadonlyArray<string> | undefined => {
  const seen = new Set<string>()
  const visit = (at: string, path: ReadonlyArray<string>): ReadonlyArray<string> | undefined => {
    for (const next of edges.get(at) ?? []) {
      if (next === file) return [...path, next]
      if (seen.has(next)) continue
      seen.add(next)
      const found = visit(next, [...path, next])
      if (found !== undefined) return found
    }
    return undefined
  }
  return visit(file, [file])
}

/** Finds import cycles, e.g. `a.ts -> b.ts -> a.ts`, one for each file that is in one. */
export const importCycles = (files: ReadonlyArray<SourceFile>): ReadonlyArray<string> => {
  const edges = new Map(files.map((file) => [file.path, ownImportsOf(file).map(({ target }) => target)]))
  return files.flatMap(({ path }) => cycleFrom(path, edges)?.join(" -> ") ?? [])
}
