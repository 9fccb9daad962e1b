import { configDefaults, defineConfig } from "vitest/config"
import shared from "./vitest.config.ts"

const folder = (name: string, files: ReadonlyArray<string>) => files.map((file) => `test/services/${name}/${file}.test.ts`)

/**
 * The tests of PostgreSQL and, on it, of the parts that stand on the storage: services whose rows count, the whole gateway
 * with its clients, and kills. One server serves the run, and each gateway has a schema of its own.
 */
export default defineConfig({
  test: {
    ...shared.test,
    include: [
      "test/**/postgres/**/*.test.ts",
      ...folder("agents", ["Agents", "Bindings"]),
      ...folder("approvals", ["Approvals"]),
      ...folder("attachments", ["Attachments"]),
      ...folder("questions", ["Questions"]),
      ...folder("auth", ["Devices"]),
      ...folder("events", ["Events.bursts"]),
      ...folder("runs", ["QueueModes", "RunDeadlines", "Runs", "Runs.*", "SessionCompaction", "TurnRetention"]),
      ...folder("sessions", ["Sessions", "Sessions.large"]),
      "test/{gateway,client,conformance}/**/*.test.ts",
      "test/process/{Crash,ApprovalCrash,QuestionCrash,AttachmentCrash}.test.ts",
    ],
    // Two more dialects over the same kernel and storage. SQLite's run has them.
    exclude: [...configDefaults.exclude, "test/conformance/{Lines,SniffedJsonRpc}.test.ts"],
    globalSetup: ["test/support/PostgresSetup.ts"],
  },
})
