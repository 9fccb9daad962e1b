/**
 * Opens the gateway's database in another process, as a shell or a backup does. The end of the scope kills the process.
 */
import * as Effect from "effect/Effect"
import { spawn } from "node:child_process"
import { once } from "node:events"
import { createInterface } from "node:readline"

const program = `
  const { DatabaseSync } = require("node:sqlite")
  const db = new DatabaseSync(process.argv[1], { timeout: 5000 })
  require("node:readline").createInterface({ input: process.stdin }).on("line", (sql) => {
    db.exec(sql)
    console.log("done")
  })
`

/** Opens the file in its own process. Returns a function that runs SQL there and waits for its end. */
export const openElsewhere = Effect.fnUntraced(function* (file: string) {
  const child = yield* Effect.acquireRelease(
    Effect.sync(() => spawn(process.execPath, ["-e", program, file], { stdio: ["pipe", "pipe", "inherit"] })),
    (child) =>
      Effect.promise(async () => {
        if (child.kill("SIGKILL")) await once(child, "exit")
      }),
  )
  const lines = createInterface({ input: child.stdout })
  return (sql: string) =>
    Effect.promise(async () => {
      const done = once(lines, "line")
      child.stdin.write(`${sql}\n`)
      await done
    })
})
