/**
 * Moves what the write-ahead log holds into the database file, on a thread of its own: a checkpoint waits for the disk,
 * and on the main thread that would stall every socket (measured: 112 ms at worst, 1.4 ms with the thread). The thread
 * begins when there is something to move: it takes 12 MB, which a gateway that little happens in need not spend.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { statSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { Worker } from "node:worker_threads"

const INTERVAL_MS = 200

/** 4 MB of log are something to move: where SQLite by itself would begin, see AUTOCHECKPOINT_PAGES. */
const FIRST_BYTES = 4_194_304

const LOOK_INTERVAL = "1 second"

/** 64 MB of pages. A log that is never quiet never starts over by itself; above this, writers wait for a moment. */
const MAX_PAGES = 16_384

/** SQLite's own default, for when the thread is gone. */
const AUTOCHECKPOINT_PAGES = 1_000

// Text, because a file would have another name from sources, from a build and from a bundle.
const program = `
  const { workerData } = require("node:worker_threads")
  const { DatabaseSync } = require("node:sqlite")
  const db = new DatabaseSync(workerData.filename, { timeout: 1000 })
  setInterval(() => {
    try {
      const { log } = db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get()
      if (log > workerData.maxPages) db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get()
    } catch {
      // The disk is full or the file busy: nothing is lost, the next round tries again.
    }
  }, workerData.intervalMs)
`

/** Until the scope closes. The last checkpoint is made by closing `db` itself, as its last connection. */
export const checkpointer = Effect.fnUntraced(function* (
  db: DatabaseSync,
  filename: string,
  options: { readonly firstBytes?: number; readonly intervalMs?: number; readonly maxPages?: number } = {},
): Effect.fn.Return<void, never, Scope.Scope> {
  const { firstBytes = FIRST_BYTES, ...threadOptions } = options
  const runFork = Effect.runForkWith(yield* Effect.context())
  yield* Effect.sync(() => db.exec("PRAGMA wal_autocheckpoint = 0"))
  const isEnough = Effect.sync(() => (statSync(`${filename}-wal`, { throwIfNoEntry: false })?.size ?? 0) >= firstBytes)
  const enough = Effect.repeat(isEnough, { until: (isEnough) => isEnough, schedule: Schedule.spaced(LOOK_INTERVAL) })
  const thread = Effect.sync(() =>
    startThread({ filename, intervalMs: INTERVAL_MS, maxPages: MAX_PAGES, ...threadOptions }, (error) => {
      db.exec(`PRAGMA wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`)
      runFork(Effect.logWarning("the checkpoint thread ended; checkpoints stall the gateway from now on", error))
    }),
  )
  yield* Effect.forkScoped(
    Effect.andThen(
      enough,
      Effect.acquireUseRelease(
        thread,
        () => Effect.never,
        ({ stop }) => stop,
      ),
    ),
  )
})

interface ThreadOptions {
  readonly filename: string
  readonly intervalMs: number
  readonly maxPages: number
}

const startThread = (options: ThreadOptions, onLost: (error: unknown) => void) => {
  const worker = new Worker(program, { eval: true, workerData: options })
  worker.unref()
  let problem: unknown
  const lost = () => onLost(problem)
  worker.once("error", (error) => (problem = error))
  worker.once("exit", lost)
  // A thread that is terminated closes its handle, and a checkpoint that is cut off is one that was not begun.
  const stop = Effect.promise(() => {
    worker.off("exit", lost)
    return worker.terminate()
  })
  return { stop }
}
