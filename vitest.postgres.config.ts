import { defineConfig } from "vitest/config"
import shared from "./vitest.config.ts"

/** The tests of PostgreSQL, with one server for the whole run. */
export default defineConfig({
  test: {
    ...shared.test,
    include: ["test/**/postgres/**/*.test.ts"],
    exclude: [],
    globalSetup: ["test/support/PostgresSetup.ts"],
  },
})
