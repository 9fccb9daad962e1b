/** `causeway doctor` for a gateway on PostgreSQL. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { run, start, temporaryFolder } from "../../support/GatewayProcess.ts"
import { execute, schemaUrl, withParameters } from "../../support/Postgres.ts"

const doctor = Effect.fnUntraced(function* (databaseUrl: string) {
  const stateDir = yield* temporaryFolder
  const env = { GATEWAY_DATABASE_URL: databaseUrl, GATEWAY_PORT: "0" }
  const { code, stderr, stdout } = yield* run(["doctor", "--json", "--state-dir", stateDir], { env })
  const { checks } = JSON.parse(stdout) as { readonly checks: ReadonlyArray<Record<string, string>> }
  return { code, output: stdout + stderr, database: checks.find(({ name }) => name === "database") }
}, Effect.scoped)

describe("causeway doctor on PostgreSQL", () => {
  it.live("Doctor looks at the database without a change, before the first start and while a gateway runs.", () =>
    Effect.gen(function* () {
      const url = yield* schemaUrl
      expect((yield* doctor(url)).database?.["fact"]).toMatch(
        /^schema test_\w+ of postgres:.*; the first start makes it$/,
      )
      const schema = new URL(url).searchParams.get("schema")
      expect(yield* execute(url, `SELECT FROM pg_namespace WHERE nspname = '${schema}'`)).toEqual([])
      yield* start({ env: { GATEWAY_DATABASE_URL: url } })
      const { code, database } = yield* doctor(url)
      expect(database?.["fact"]).toMatch(/ 1 MB$/)
      expect(code).toBe(0)
    }).pipe(Effect.scoped),
  )

  it.live("Doctor names the problem of a database that cannot be used, without its password.", () =>
    Effect.gen(function* () {
      const url = withParameters(yield* schemaUrl, { dbname: "nowhere", password: "s3cret-of-the-database" })
      const { code, database, output } = yield* doctor(url)
      expect(code).toBe(1)
      expect(database).toMatchObject({
        problem: expect.stringContaining("has no such database"),
        remedy: "create it with createdb, or name another one in databaseUrl",
      })
      expect(output).not.toContain("s3cret-of-the-database")
    }).pipe(Effect.scoped),
  )
})
