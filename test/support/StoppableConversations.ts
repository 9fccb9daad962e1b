/**
 * Conversations with a staged runtime that a test stops, crashes and starts again on the same database file.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { join } from "node:path"
import { DatabaseSync } from "node:sqlite"
import type { GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { Sessions } from "../../src/services/sessions/Sessions.ts"
import { layer } from "./Conversations.ts"
import { temporaryFolder } from "./GatewayProcess.ts"
import { staged } from "./StagedRuntime.ts"

interface StartOptions {
  /** Left out: a database in memory. */
  readonly filename?: string | undefined
  readonly runs?: GatewayOptions["runs"]
}

/** Starts the services. `stop` ends them before the end of the scope does. */
export const start = Effect.fnUntraced(function* ({ filename, runs: limits }: StartOptions = {}) {
  const stage = staged()
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const options = {
    config: { runtime: "staged", ...(limits !== undefined && { runs: limits }) },
    runtimes: [stage.runtime],
    ...(filename !== undefined && { filename }),
  }
  const services = yield* Layer.buildWithScope(layer(options), scope)
  const runs = yield* Effect.provide(Runs, services)
  const sessions = yield* Effect.provide(Sessions, services)
  return { ...stage, runs, sessions, services, stop: Scope.close(scope, Exit.void) }
})

/** The path of a database that the end of the scope removes. */
export const databaseFile = Effect.map(temporaryFolder, (folder) => join(folder, "db"))

/** Uses the database of stopped services. */
export const database = <A>(filename: string, use: (db: DatabaseSync) => A): A => {
  const db = new DatabaseSync(filename)
  try {
    return use(db)
  } finally {
    db.close()
  }
}

/** Turns the last stop into a crash. */
export const crash = (filename: string) => database(filename, (db) => db.exec("UPDATE turns SET handed_over = 0"))
