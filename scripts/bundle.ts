/**
 * Bundles the binary: src/main.ts and the packages that it imports become dist/main.js and the files in dist/main. A start
 * reads few files instead of nine hundred, without the comments and without most of the code that the binary does not use.
 * `npm run build` makes the bundle. `npm start` makes it again if a file of src is newer.
 *
 * Embedding programs import the modules that tsc emits instead, because they share one copy of effect with us.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { OutputChunk, Plugin, RolldownOutput } from "rolldown"

const root = join(import.meta.dirname, "..")
const folder = join(root, "dist/main")
const source = (path: string): string => join(root, "src", path)
const main = source("main.ts")

/** Returns whether the bundle is newer than the source, the dependencies and this script. */
const isFresh = (): boolean => {
  const entry = join(root, "dist/main.js")
  if (!existsSync(entry)) return false
  const files = readdirSync(source("."), { recursive: true, encoding: "utf8" }).map(source)
  const newest = [...files, join(root, "package-lock.json"), import.meta.filename].map((file) => statSync(file).mtimeMs)
  return Math.max(...newest) < statSync(entry).mtimeMs
}

/** The modules that load together. Each group becomes one file. */
const groups = { causeway: new Set<string>(), gateway: new Set<string>() }

/** Finds the modules of each group, once rolldown knows all modules and their imports. */
const findGroups: Plugin = {
  name: "groups",
  buildEnd() {
    const loadedWith = (ids: ReadonlyArray<string>): Set<string> => {
      const found = new Set(ids)
      for (const id of found) for (const imported of this.getModuleInfo(id)?.importedIds ?? []) found.add(imported)
      return found
    }
    // main.js must not load a group before it has checked Node and turned on the compile cache.
    const first = loadedWith([main])
    const isLater = (id: string): boolean => !first.has(id)
    groups.causeway = new Set([...loadedWith([source("cli/Program.ts")])].filter(isLater))
    groups.gateway = new Set([...loadedWith([source("cli/process/Serve.ts")])].filter(isLater))
  },
}

const bundle = async (): Promise<RolldownOutput> => {
  const { rolldown } = await import("rolldown")
  const build = await rolldown({
    cwd: root,
    input: { main },
    platform: "node",
    tsconfig: false,
    // The groups need it. The files export to one another only.
    preserveEntrySignatures: false,
    plugins: [findGroups],
  })
  rmSync(folder, { recursive: true, force: true })
  return await build.write({
    dir: join(root, "dist"),
    entryFileNames: "main.js",
    chunkFileNames: "main/[name]-[hash].js",
    // Names stay, so that stacks are readable. `node --enable-source-maps` adds the files and lines of the source.
    minify: false,
    comments: false,
    sourcemap: true,
    sourcemapExcludeSources: true,
    codeSplitting: {
      includeDependenciesRecursively: false,
      groups: [
        { name: "causeway", test: (id) => groups.causeway.has(id), priority: 2 },
        { name: "gateway", test: (id) => groups.gateway.has(id), priority: 1 },
      ],
    },
  })
}

/** Returns the licences of the packages in the bundle. They require that copies contain them. */
const licences = (chunks: ReadonlyArray<OutputChunk>): string => {
  const modules = chunks.flatMap(({ moduleIds }) => moduleIds)
  const folders = new Set(modules.flatMap((id) => /^.*\/node_modules\/(?:@[^/]+\/)?[^/]+/.exec(id)?.[0] ?? []))
  const texts = [...folders].toSorted().map((folder) => {
    const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name))
    if (file === undefined) throw new Error(`${folder} has no licence: ask its authors for one, or drop the package`)
    const text = readFileSync(join(folder, file), "utf8").trim()
    const manifest: unknown = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"))
    const { name, version } = manifest as { readonly name: string; readonly version: string }
    return `${name} ${version}\n\n${text}\n`
  })
  return ["The files in this folder contain code of these packages.\n", ...texts].join(`\n${"-".repeat(80)}\n\n`)
}

if (!(process.argv.includes("--if-stale") && isFresh())) {
  const { output } = await bundle()
  const chunks = output.filter((file) => file.type === "chunk")
  writeFileSync(join(folder, "LICENSES.txt"), licences(chunks))
}
