/**
 * PostgresError: converts the errors of PostgreSQL into `StorageUnavailable`, startup errors and defects. The modules of
 * this folder use it. https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import type { SqlError } from "effect/sql/SqlError"
import { StartupError } from "../../../domain/StartupError.ts"
import { StorageUnavailable } from "../../../domain/Storage.ts"

const fieldOf = (error: SqlError, name: string): string => {
  const { cause } = error.reason
  return Predicate.hasProperty(cause, name) ? String(cause[name]) : ""
}

/** Returns the five characters of SQLSTATE, or an empty text for errors that the server did not report. */
const stateOf = (error: SqlError): string => {
  const code = fieldOf(error, "code")
  return /^[0-9A-Z]{5}$/.test(code) ? code : ""
}

/** Returns the message of the server or of the socket. It holds no parameters of statements and no password. */
export const detailOf = ({ reason: { cause, message } }: SqlError): string =>
  cause instanceof Error && cause.message !== "" ? cause.message : message

/** Returns whether the connection ended with this error. */
export const isConnectionLost = (error: SqlError): boolean =>
  error.reason._tag === "ConnectionError" || ["FATAL", "PANIC"].includes(fieldOf(error, "severity"))

/** States for problems of the server, its disk or its configuration, not of the statement. */
const UNAVAILABLE = /^(08...|28...|53...|57...|58...|XX001|XX002|3D000|25006|25P03|40001|40P01|42501|55P03|55006)$/

/** Returns `undefined` if the error is about the statement: then the statement has a bug. */
export const toStorageUnavailable = (error: SqlError): StorageUnavailable | undefined =>
  isConnectionLost(error) || UNAVAILABLE.test(stateOf(error))
    ? new StorageUnavailable({ detail: `PostgreSQL: ${detailOf(error)}` })
    : undefined

/** Fails with `StorageUnavailable` for problems of the server, and dies of all others. */
export const orUnavailable = <A>(effect: Effect.Effect<A, SqlError>): Effect.Effect<A, StorageUnavailable> =>
  Effect.catch(effect, (error) => {
    const unavailable = toStorageUnavailable(error)
    return unavailable === undefined ? Effect.die(error) : Effect.fail(unavailable)
  })

/** The problem and the next step, by SQLSTATE or by the code of the socket. The first prefix that fits counts. */
const startupProblems: ReadonlyArray<readonly [code: string, problem: string, remedy: string]> = [
  ["28", "refuses the user or the password", "correct them in databaseUrl, or allow the user in pg_hba.conf"],
  ["3D000", "has no such database", "create it with createdb, or name another one in databaseUrl"],
  [
    "42501",
    "does not let the user create its tables",
    "GRANT CREATE ON DATABASE to the user, or create the schema for it",
  ],
  ["25006", "is read-only", "name the primary server in databaseUrl. A standby takes no writes"],
  ["57P03", "is still starting", "try again in a moment"],
  ["53300", "has no free connection", "raise max_connections, or end other clients. A gateway takes 3 connections"],
  ["53100", "has a full disk", "free disk space on the server"],
  ["08P01", "is a pooler, or no PostgreSQL", "connect to PostgreSQL itself: a pooler breaks locks and notifications"],
  ["ENOTFOUND", "has no address", "correct the host in databaseUrl"],
  ["EAI_AGAIN", "has no address", "correct the host in databaseUrl, or check the name server"],
  ["ECONNREFUSED", "accepts no connections", "start it, or correct the host and port in databaseUrl"],
  ["ENOENT", "has no socket there", "start it, or correct the host in databaseUrl"],
]

const CERTIFICATE = /CERT|SELF_SIGNED|ISSUER|UNABLE_TO|ERR_TLS/

/** Returns the startup error for a server that cannot be used. `name`: the target without its password. */
export const toStartupError = (error: SqlError, name: string): StartupError => {
  const code = fieldOf(error, "code")
  const detail = detailOf(error)
  const known = startupProblems.find(([prefix]) => code.startsWith(prefix))
  const [problem, remedy] =
    known !== undefined
      ? [`${known[1]} (${detail})`, known[2]]
      : CERTIFICATE.test(code)
        ? [`shows a certificate that is not trusted (${detail})`, "name its authority in databaseUrl: sslrootcert=FILE"]
        : /does not support TLS/.test(detail)
          ? ["offers no TLS", "turn on ssl there, or set sslmode=disable if the network is private"]
          : [`cannot be used (${detail})`, "check databaseUrl, and that this machine reaches the server"]
  return new StartupError({ problem: `the database ${name} ${problem}`, remedy })
}
