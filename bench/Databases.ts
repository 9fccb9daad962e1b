/**
 * The databases that the gateway runs on: a file of SQLite, and a PostgreSQL from npm on machines that have it. The
 * scenarios Growth and Turns measure both.
 */
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { startPostgres } from "../test/support/PostgresServer.ts"
import { type GatewayOptions, temporaryFolder } from "./Targets.ts"

export interface Database {
  readonly name: "SQLite" | "PostgreSQL"
  /** The path of the file, or the URL. */
  readonly place: string
  /** Makes a gateway use it. */
  readonly options: GatewayOptions
  /** Returns the processor time that the server of the database has taken, in microseconds. SQLite has no server. */
  readonly cpuMicros: () => number
  readonly close: () => Promise<void>
}

export const openSqlite = () => {
  const stateDir = temporaryFolder()
  return {
    name: "SQLite" as const,
    place: join(stateDir, "causeway.db"),
    options: { stateDir },
    cpuMicros: () => 0,
    close: async () => {},
  } satisfies Database
}

/** A PostgreSQL that survives a power cut, as an operator's does. */
const DURABLE = { fsync: "on", full_page_writes: "on" }

/** Returns the content of a file of a process, or an empty text if the process has ended. */
const ofProcess = (pid: string, file: string): string => {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8")
  } catch {
    return ""
  }
}

/** Makes the function that returns the processor time of a server's processes, in microseconds. Linux only. */
const cpuOfServer = (data: string) => {
  const parent = readFileSync(join(data, "postmaster.pid"), "utf8").split("\n")[0]!
  const isOurs = (pid: string) => pid === parent || ofProcess(pid, "status").includes(`\nPPid:\t${parent}\n`)
  /** Nanoseconds by process. Those that have ended count, too. */
  const nanos = new Map<string, number>()
  return () => {
    for (const pid of readdirSync("/proc").filter((name) => /^\d+$/.test(name))) {
      if (isOurs(pid)) nanos.set(pid, Number(ofProcess(pid, "schedstat").split(" ")[0]))
    }
    return [...nanos.values()].reduce((sum, of) => sum + of, 0) / 1_000
  }
}

/** Returns `undefined` on platforms without the tests' PostgreSQL. */
const openPostgres = async (): Promise<Database | undefined> => {
  const server = await startPostgres({ settings: DURABLE }).catch(() => undefined)
  if (server === undefined) return undefined
  return {
    name: "PostgreSQL",
    place: server.url,
    options: { env: { GATEWAY_DATABASE_URL: server.url } },
    cpuMicros: cpuOfServer(join(server.folder, "data")),
    close: server.remove,
  }
}

/** Opens each kind of database in turn, runs the work on it, and closes it. Returns the results. */
export const onEach = async <A>(work: (database: Database) => Promise<A>): Promise<ReadonlyArray<A>> => {
  const results: Array<A> = []
  for (const open of [openSqlite, openPostgres]) {
    const database = await open()
    if (database === undefined) continue
    try {
      results.push(await work(database))
    } finally {
      await database.close()
    }
  }
  return results
}
