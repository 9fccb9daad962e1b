/** Databases for tests of PostgreSQL: a schema of its own for each test, or a server that the test may stop. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as Scope from "effect/Scope"
import { openSession } from "../../src/services/storage/postgres/PostgresConnection.ts"
import { type PostgresTarget, readUrl } from "../../src/services/storage/postgres/PostgresUrl.ts"
import { type PostgresServer, type PostgresServerOptions, startPostgres } from "./PostgresServer.ts"

let schemas = 0

/** The connection string of the test run's PostgreSQL, in which tests create their own schemas. See PostgresSetup. */
const runUrl = process.env["CAUSEWAY_TEST_POSTGRES"]

/** Whether this run of the tests has a PostgreSQL. */
export const isPostgres: boolean = runUrl !== undefined

/** Returns the URL with these parameters. */
export const withParameters = (url: string, parameters: Readonly<Record<string, string>>): string => {
  const changed = new URL(url)
  for (const [name, value] of Object.entries(parameters)) changed.searchParams.set(name, value)
  return changed.href
}

export const targetOf = (url: string): Effect.Effect<PostgresTarget> => Effect.orDie(readUrl(Redacted.make(url)))

/** Runs statements on a session of their own. */
export const execute = (url: string, ...statements: ReadonlyArray<string>) =>
  Effect.flatMap(targetOf(url), (target) =>
    Effect.flatMap(openSession(target, { name: "test", settings: {} }), (session) =>
      Effect.map(
        Effect.forEach(statements, (sql) => session.query(sql)),
        (results) => results.at(-1)?.rows ?? [],
      ),
    ),
  ).pipe(Effect.scoped, Effect.orDie)

/** The URL of a new schema in the server of the test run, which the end of the scope drops. */
export const schemaUrl: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.sync(() => withParameters(runUrl ?? "", { schema: `test_${process.pid}_${++schemas}` })),
  (url) => execute(url, `DROP SCHEMA IF EXISTS "${new URL(url).searchParams.get("schema")}" CASCADE`),
)

/** A server of the test's own, which the end of the scope removes. */
export const server = (options?: PostgresServerOptions): Effect.Effect<PostgresServer, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.promise(() => startPostgres(options)),
    (started) => Effect.promise(started.remove),
  )
