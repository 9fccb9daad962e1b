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

const PAGE_BYTES = 4_096

/** How long writers wait at most for the log to start over, while another process still reads it. */
const PATIENCE_MS = 50

/** A log that could not start over for this long is worth a line; so is one that has doubled since the last. */
const STUCK_MS = 10_000

/** SQLite's own default, for when the thread is gone. */
const AUTOCHECKPOINT_PAGES = 1_000

// Text, because a file would have another name from sources, from a build and from a bundle.
// The log starts over under the write lock, so the thread tries it only if that is likely to succeed and to be short: no
// reader holds the log back (`log === checkpointed`), and little is left to move, or three rounds have not made it little.
// After each failure the thread leaves writers alone for twice as many rounds.
const program = `
  const { parentPort, workerData } = require("node:worker_threads")
  const { DatabaseSync } = require("node:sqlite")
  const { filename, intervalMs, maxPages, patienceMs, stuckMs } = workerData
  const db = new DatabaseSync(filename, { timeout: patienceMs })
  let before = 0
  let rounds = 0
  let failures = 0
  let rest = 0
  let largeSince
  let told = 0
  const tell = (log) => {
    largeSince ??= performance.now()
    if (performance.now() - largeSince < stuckMs || log < told * 2) return
    told = log
    parentPort.postMessage(log)
  }
  const small = () => {
    before = 0
    rounds = 0
    failures = 0
    rest = 0
    largeSince = undefined
    if (told > 0) parentPort.postMessage(0)
    told = 0
  }
  setInterval(() => {
    try {
      const { log, checkpointed } = db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get()
      if (log <= maxPages) return small()
      const isLittle = checkpointed - before <= maxPages / 16 || ++rounds > 3
      before = checkpointed
      if (log === checkpointed && isLittle && rest-- <= 0) {
        if (db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get().busy === 0) return small()
        rest = Math.min(2 ** failures++, 128)
      }
      tell(log)
    } catch {
      // The disk is full or the file busy: nothing is lost, the next round tries again.
    }
  }, intervalMs)
`

/** Until the scope closes. The last checkpoint is made by closing `db` itself, as its last connection. */
export const checkpointer = Effect.fnUntraced(function* (
  db: DatabaseSync,
  filename: string,
  options: Partial<CheckpointerOptions> = {},
): Effect.fn.Return<void, never, Scope.Scope> {
  const { firstBytes = FIRST_BYTES, ...threadOptions } = options
  const runFork = Effect.runForkWith(yield* Effect.context())
  yield* Effect.sync(() => db.exec("PRAGMA wal_autocheckpoint = 0"))
  const isEnough = Effect.sync(() => (statSync(`${filename}-wal`, { throwIfNoEntry: false })?.size ?? 0) >= firstBytes)
  const enough = Effect.repeat(isEnough, { until: (isEnough) => isEnough, schedule: Schedule.spaced(LOOK_INTERVAL) })
  const onLost = (error: unknown) => {
    db.exec(`PRAGMA wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`)
    runFork(Effect.logWarning("the checkpoint thread ended; checkpoints stall the gateway from now on", error))
  }
  const onSize = (pages: number) => runFork(pages === 0 ? shrunk(filename) : stuck(filename, pages))
  const threadDefaults = { intervalMs: INTERVAL_MS, maxPages: MAX_PAGES, patienceMs: PATIENCE_MS, stuckMs: STUCK_MS }
  const thread = Effect.sync(() => startThread({ filename, ...threadDefaults, ...threadOptions }, onSize, onLost))
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

const stuck = (filename: string, pages: number) =>
  Effect.logWarning(
    `${filename}-wal has grown to ${Math.round((pages * PAGE_BYTES) / 1_048_576)} MB because another process still reads ` +
      `old rows of the database. Writes go on. To free the space, end that process, which "fuser ${filename}" names`,
  )

const shrunk = (filename: string) => Effect.logInfo(`${filename}-wal has started over: no old rows are read any more`)

interface ThreadOptions {
  readonly intervalMs: number
  readonly maxPages: number
  readonly patienceMs: number
  readonly stuckMs: number
}

export interface CheckpointerOptions extends ThreadOptions {
  readonly firstBytes: number
}

/** `onSize` is told how many pages a log has that cannot start over, and 0 once it could. */
const startThread = (
  options: ThreadOptions & { readonly filename: string },
  onSize: (pages: number) => void,
  onLost: (error: unknown) => void,
) => {
  const worker = new Worker(program, { eval: true, workerData: options })
  worker.unref()
  worker.on("message", onSize)
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
