/**
 * PostgresUrl: reads the option `databaseUrl`, a libpq URI. Adds the parameter `schema`, the schema of this gateway's
 * tables, and the certificate files that the driver does not read. Postgres, doctor and the messages of errors use it.
 */
import type { Config } from "@effect/sql-pg/PgConnection"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { readFileSync } from "node:fs"
import type { ConnectionOptions } from "node:tls"
import { StartupError } from "../../../domain/StartupError.ts"

export interface PostgresTarget {
  /** Where and as whom to connect, without the password: `postgres://causeway@db.example.org:5432/causeway`. */
  readonly name: string
  readonly schema: string
  readonly config: Pick<Config, "url" | "ssl">
}

const DEFAULT_SCHEMA = "causeway"

/** PostgreSQL cuts longer names silently, so two schemas could become one. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,62}$/

const EXAMPLE = "postgres://user:password@host:5432/database?sslmode=verify-full"

const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[?::1\]?|\/.*)$/

const refuse = (problem: string, remedy: string) => new StartupError({ problem: `databaseUrl ${problem}`, remedy })

/** Reads a file that the URL names, e.g. `sslrootcert`. */
const readNamed = (url: URL, name: string): string | undefined => {
  const file = url.searchParams.get(name)
  if (file === null) return undefined
  try {
    return readFileSync(file, "utf8")
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error)
    throw refuse(`names the file ${file} in ${name}, which cannot be read (${detail})`, "correct the path or its mode")
  }
}

/**
 * Returns the TLS options. The modes mean what they mean in libpq: `require` encrypts without checking the certificate,
 * unless `sslrootcert` is given. Without a mode, a loopback address or socket uses no TLS, and any other host uses TLS if
 * the server offers it.
 */
const tlsOptions = (url: URL, host: string): Config["ssl"] => {
  const mode = url.searchParams.get("sslmode") ?? (LOOPBACK.test(host) ? "disable" : "prefer")
  const ca = readNamed(url, "sslrootcert")
  const cert = readNamed(url, "sslcert")
  const key = readNamed(url, "sslkey")
  const files: ConnectionOptions = {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  }
  switch (mode) {
    case "disable":
      return false
    // The driver falls back to plain text only if it reads the mode from the URL itself.
    case "prefer":
    case "allow":
      return undefined
    case "require":
      return ca === undefined ? { ...files, rejectUnauthorized: false } : { ...files, checkServerIdentity: ignoreName }
    case "verify-ca":
      return { ...files, checkServerIdentity: ignoreName }
    case "verify-full":
      return files
    default:
      throw refuse(
        `has an unknown sslmode "${mode}"`,
        "use disable, prefer, require, verify-ca or verify-full. verify-full is the safest",
      )
  }
}

const ignoreName = () => undefined

const parse = (text: string): PostgresTarget => {
  if (!URL.canParse(text)) throw refuse("is no URL", `write it as ${EXAMPLE}, with special characters as %40`)
  const url = new URL(text)
  if (url.protocol !== "postgres:" && url.protocol !== "postgresql:") {
    throw refuse(`begins with "${url.protocol}//"`, `write it as ${EXAMPLE}`)
  }
  const schema = url.searchParams.get("schema") ?? DEFAULT_SCHEMA
  if (!SCHEMA.test(schema)) {
    throw refuse(
      `has the schema "${schema}"`,
      "use a name of lower-case letters, digits and underscores, with at most 63 characters",
    )
  }
  const host = url.searchParams.get("host") ?? url.hostname
  const ssl = tlsOptions(url, host)
  if (ssl === undefined) url.searchParams.set("sslmode", "prefer")
  const user = url.searchParams.get("user") ?? url.username
  const database = url.searchParams.get("dbname") ?? url.pathname.slice(1)
  const address = host.startsWith("/") ? host : `${host}:${url.searchParams.get("port") ?? (url.port || "5432")}`
  return {
    name: `postgres://${user === "" ? "" : `${user}@`}${address}/${database === "" ? user : database}`,
    schema,
    config: { url: Redacted.make(url.href, { label: "database URL" }), ...(ssl !== undefined && { ssl }) },
  }
}

/** Reads the URL and the files that it names. Fails with `StartupError`, never with a part of the password. */
export const readUrl = (url: Redacted.Redacted): Effect.Effect<PostgresTarget, StartupError> =>
  Effect.try({
    try: () => parse(Redacted.value(url)),
    catch: (error) => (error instanceof StartupError ? error : refuse("cannot be read", `write it as ${EXAMPLE}`)),
  })
