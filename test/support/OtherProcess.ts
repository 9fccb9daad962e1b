/**
 * Another process that has the gateway's database open, such as a shell or a backup. It runs the SQL that it is told and
 * is killed with the scope.
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

/** Opens the file in a process of its own. The function that it returns runs SQL there and waits until it has run. */
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
