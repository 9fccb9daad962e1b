/** Starts one PostgreSQL for a run of `npm run test:postgres`, or takes that of TEST_DATABASE_URL. */
import type { TestProject } from "vitest/node"
import { startPostgres } from "./PostgresServer.ts"

declare module "vitest" {
  interface ProvidedContext {
    /** The connection string of a PostgreSQL in which tests create their own schemas. Absent in the SQLite run. */
    readonly databaseUrl: string
  }
}

export default async (project: TestProject): Promise<(() => Promise<void>) | undefined> => {
  const given = process.env["TEST_DATABASE_URL"]
  if (given !== undefined && given !== "") {
    project.provide("databaseUrl", given)
    return undefined
  }
  const server = await startPostgres()
  project.provide("databaseUrl", server.url)
  return server.remove
}
