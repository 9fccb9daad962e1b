import { defineConfig } from "vitest/config"
import shared from "./vitest.config.ts"

/** The tests of PostgreSQL, and those of the whole gateway on it, with one server for the run. */
export default defineConfig({
  test: {
    ...shared.test,
    include: ["test/**/postgres/**/*.test.ts", "test/gateway/**/*.test.ts", "test/client/**/*.test.ts"],
    exclude: [],
    globalSetup: ["test/support/PostgresSetup.ts"],
  },
})
