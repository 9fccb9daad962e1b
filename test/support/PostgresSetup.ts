/**
 * Starts one PostgreSQL for a run of `npm run test:postgres`, or takes that of TEST_DATABASE_URL. The variable
 * CAUSEWAY_TEST_POSTGRES leads the tests and their child processes to it.
 */
import { startPostgres } from "./PostgresServer.ts"

export default async (): Promise<(() => Promise<void>) | undefined> => {
  const given = process.env["TEST_DATABASE_URL"]
  if (given !== undefined && given !== "") {
    process.env["CAUSEWAY_TEST_POSTGRES"] = given
    return undefined
  }
  const server = await startPostgres()
  process.env["CAUSEWAY_TEST_POSTGRES"] = server.url
  return server.remove
}
