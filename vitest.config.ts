import { configDefaults, defineConfig } from "vitest/config"

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    // They need a server: `npm run test:postgres`.
    exclude: [...configDefaults.exclude, "test/**/postgres/**"],
    pool: "forks",
    maxWorkers: 2,
    // The files of a worker share their modules: half of the processor time is the import of the same modules otherwise.
    isolate: false,
    // Long enough for tests that start processes on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    setupFiles: ["test/support/setup.ts"],
  },
})
