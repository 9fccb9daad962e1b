/**
 * Prepares the tarball of `npm pack`. The manifest of this repository installs Node itself and development tools. The
 * published package must not have them: our `node` would shadow the user's.
 *
 * npm sends the manifest of the folder to the registry, and the one in the tarball differs. So a release is `npm pack`,
 * then `npm publish` of the tarball.
 */
import { execFileSync } from "node:child_process"
import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs"
import { join } from "node:path"

const root = join(import.meta.dirname, "..")
const manifest = join(root, "package.json")
/** Keeps the repository's manifest while the tarball's manifest is in its place. */
const kept = join(root, "package.json.kept")

type Manifest = { readonly [field: string]: unknown }

const repositoryOnly = new Set(["allowScripts", "devDependencies", "optionalDependencies", "scripts"])

/** Returns the manifest that is published. */
const published = (repository: Manifest): Manifest =>
  Object.fromEntries(Object.entries(repository).filter(([field]) => !repositoryOnly.has(field)))

const restore = () => {
  if (existsSync(kept)) renameSync(kept, manifest)
}

const before = () => {
  restore()
  rmSync(join(root, "dist"), { recursive: true, force: true })
  execFileSync("npm", ["run", "--silent", "build"], { cwd: root, stdio: ["ignore", "ignore", "inherit"] })
  const text = readFileSync(manifest, "utf8")
  writeFileSync(kept, text)
  writeFileSync(manifest, `${JSON.stringify(published(JSON.parse(text) as Manifest), undefined, 2)}\n`)
}

const refuse = () => {
  process.stderr.write("Publish the tarball that npm pack makes: npm pack && npm publish causeway-gateway-*.tgz\n")
  process.exitCode = 1
}

if (import.meta.main) ({ before, after: restore, publish: refuse })[process.argv[2] as "before"]()
