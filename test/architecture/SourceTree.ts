/** SourceTree: the files that the tests of this folder read. It walks folders, so that it needs no git. */
import { readFileSync, readdirSync } from "node:fs"
import { join, relative, resolve } from "node:path"

export const ROOT = resolve(import.meta.dirname, "../..")

export interface SourceFile {
  /** From the root of the repository, e.g. `src/domain/Text.ts`. */
  readonly path: string
  readonly text: string
}

/** Build results, installed packages and recorded data. */
const SKIPPED = new Set(["node_modules", "dist", "fixtures"])

/** Returns the TypeScript files and pages of a folder, sorted by path. `recursive` is true by default. */
export const filesIn = (folder: string, recursive = true): ReadonlyArray<SourceFile> =>
  readdirSync(join(ROOT, folder), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry): ReadonlyArray<SourceFile> => {
      const path = relative(ROOT, join(ROOT, folder, entry.name))
      if (entry.isDirectory()) return recursive && !SKIPPED.has(entry.name) ? filesIn(path) : []
      return /\.(ts|md)$/.test(entry.name) ? [{ path, text: readFileSync(join(ROOT, path), "utf8") }] : []
    })
