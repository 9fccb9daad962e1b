/**
 * Bundles the binary: src/main.ts and the packages that it imports become dist/main.js and the files in dist/main. A start
 * reads few files instead of nine hundred, without the comments and without most of the code that the binary does not use.
 * `npm run build` makes the bundle. `npm start` and the tests make it again if a file of src is newer.
 *
 * Embedding programs import the modules that tsc emits instead, because they share one copy of effect with us.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs"
import { basename, join } from "node:path"
import type { OutputChunk, Plugin } from "rolldown"

const root = join(import.meta.dirname, "..")
const dist = join(root, "dist")
const binary = join(dist, "main.js")
const source = (path: string): string => join(root, "src", path)
const main = source("main.ts")

/** Returns whether the bundle is newer than the source, the dependencies and this script. */
const isFresh = (): boolean => {
  if (!existsSync(binary)) return false
  const files = readdirSync(source("."), { recursive: true, encoding: "utf8" }).map(source)
  const newest = [...files, join(root, "package-lock.json"), import.meta.filename].map((file) => statSync(file).mtimeMs)
  return Math.max(...newest) < statSync(binary).mtimeMs
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

/** Writes a file under a draft's name first, so that a process that starts meanwhile reads the old file or the new one. */
const replaceFile = (file: string, content: string | Uint8Array): void => {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, content)
  renameSync(draft, file)
}

/** A build writes all of its files in less time. */
const BUILD_MS = 60_000

/**
 * Removes the files of older builds from the folder. `builtAt`: the time of the build before this one. Its files stay,
 * because a gateway that runs it may still load them.
 */
export const removeOld = (folder: string, written: ReadonlySet<string>, builtAt: number): void => {
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    if (!written.has(name) && statSync(file).mtimeMs < builtAt - BUILD_MS) rmSync(file)
  }
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
  const { output } = await build.generate({
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
  await build.close()
  const chunks = output.filter((file) => file.type === "chunk")
  const files = new Map(output.map((file) => [file.fileName, file.type === "chunk" ? file.code : file.source]))
  files.set("main/LICENSES.txt", licences(chunks))
  const folder = join(into, "main")
  mkdirSync(folder, { recursive: true })
  const builtAt = statSync(join(into, "main.js"), { throwIfNoEntry: false })?.mtimeMs
  // The file that names the others comes last.
  for (const [name, content] of files) if (name !== "main.js") replaceFile(join(into, name), content)
  replaceFile(join(into, "main.js"), files.get("main.js") ?? "")
  if (builtAt !== undefined) removeOld(folder, new Set([...files.keys()].map((name) => basename(name))), builtAt)
  return chunks
}

/** Returns the path of the binary. Bundles it first if a file of src is newer. */
export const freshBinary = async (): Promise<string> => {
  if (!isFresh()) await bundle(dist)
  return binary
}

const [, script, option] = process.argv
// Node 22 has no `import.meta.main`.
if (script === import.meta.filename) await (option === "--if-stale" ? freshBinary() : bundle(dist))
