/**
 * What `npm pack` puts into the tarball. The manifest of this repository brings Node itself and the tools of its
 * development; none of that is for who installs the package, where a `node` of ours would shadow theirs.
 *
 * npm tells the registry what the manifest in the folder says, and the one in the tarball differs: hence a release is
 * `npm pack`, then `npm publish` of the tarball.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const manifest = join(root, "package.json")
/** The repository's manifest while the tarball's is in its place. */
const kept = join(root, "package.json.kept")

type Manifest = { readonly [field: string]: unknown }

const ofTheRepository = new Set(["allowScripts", "devDependencies", "optionalDependencies", "scripts"])

/** The manifest that is published. */
const published = (repository: Manifest): Manifest =>
  Object.fromEntries(Object.entries(repository).filter(([field]) => !ofTheRepository.has(field)))

const restore = () => {
  if (existsSync(kept)) renameSync(kept, manifest)
}

const before = () => {
  restore()
  rmSync(join(root, "dist"), { recursive: true, force: true })
  execFileSync("tsc", ["-p", "tsconfig.build.json"], { cwd: root, stdio: "inherit" })
  const text = readFileSync(manifest, "utf8")
  writeFileSync(kept, text)
  writeFileSync(manifest, `${JSON.stringify(published(JSON.parse(text) as Manifest), undefined, 2)}\n`)
}

const refuse = () => {
  process.stderr.write("Publish the tarball that npm pack makes: npm pack && npm publish causeway-gateway-*.tgz\n")
  process.exitCode = 1
}

if (import.meta.main) ({ before, after: restore, publish: refuse })[process.argv[2] as "before"]()
