/**
 * Bundles the binary: src/main.ts and the packages that it imports become dist/main.js and the files in dist/main. A start
 * reads few files instead of nine hundred, without the comments and without most of the code that the binary does not use.
 * `npm run build` makes the bundle. `npm start` makes it again if a file of src is newer.
 *
 * Embedding programs import the modules that tsc emits instead, because they share one copy of effect with us.
 */
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import type { OutputChunk, Plugin } from "rolldown"

const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")
const source = (path: string): string => join(root, "src", path)
const main = source("main.ts")

/** Returns whether the bundle is newer than the source, the dependencies and this script. */
const isFresh = (): boolean => {
  const entry = join(dist, "main.js")
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

/** Node's modules that few gateways use, or whose import loads more than `process.getBuiltinModule` does. */
const lazyBuiltins = new Set([
  "child_process",
  "crypto",
  "dns",
  "fs",
  "http",
  "https",
  "readline",
  "tls",
  "util",
  "zlib",
])

/**
 * Loads a module of Node at the first use of one of its members. An import of all members would also load Node's copy of
 * undici, the names of `node:http` among them, and TLS with `node:https`.
 */
const loadBuiltinsLate: Plugin = {
  name: "builtins",
  resolveId(id) {
    const name = id.replace(/^node:/, "")
    return lazyBuiltins.has(name) ? `\0node:${name}` : null
  },
  load(id) {
    // It requires both of its modules.
    if (id.endsWith("@effect/platform-node/dist/internal/http.js")) {
      return ["http", "https"].map((name) => `export * as ${name} from "node:${name}"`).join("\n")
    }
    if (!id.startsWith("\0node:")) return null
    const name = id.slice(1)
    const members = Object.keys(process.getBuiltinModule(name) ?? {})
    const getters = members.map((member) => `get ${member}() { return load().${member} }`)
    return `const load = () => process.getBuiltinModule("${name}")\nmodule.exports = { ${getters.join(",\n")} }`
  },
}

/** Node keeps a file in one byte for each character if all characters are ASCII, and in two bytes otherwise. */
const escapeCharacters: Plugin = {
  name: "ascii",
  renderChunk: (code) => ({
    code: code.replace(/[^\0-\x7f]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`),
    // Lines stay the same.
    map: null,
  }),
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

/** Writes main.js and the folder `main` into a folder, and returns the files of code. */
export const bundle = async (into: string): Promise<ReadonlyArray<OutputChunk>> => {
  const { rolldown } = await import("rolldown")
  const build = await rolldown({
    cwd: root,
    input: { main },
    platform: "node",
    tsconfig: false,
    // The groups need it. The files export to one another only.
    preserveEntrySignatures: false,
    plugins: [findGroups, loadBuiltinsLate, escapeCharacters],
  })
  rmSync(join(into, "main"), { recursive: true, force: true })
  const { output } = await build.write({
    dir: into,
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
  const chunks = output.filter((file) => file.type === "chunk")
  writeFileSync(join(into, "main/LICENSES.txt"), licences(chunks))
  return chunks
}

const [, script, option] = process.argv
// Node 22 has no `import.meta.main`.
if (script === import.meta.filename && !(option === "--if-stale" && isFresh())) await bundle(dist)
