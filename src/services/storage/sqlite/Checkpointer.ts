/**
 * Checkpointer: moves the content of the write-ahead log into the database file, on a thread of its own. A checkpoint
 * waits for the disk. On the main thread it would stall every socket (measured: up to 112 ms, with the thread 1.4 ms).
 * The thread takes 12 MB, so it starts only when the log has grown. Sqlite uses this module.
 */
import * as Effect from "effect/Effect"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import { statSync } from "node:fs"
import type { DatabaseSync } from "node:sqlite"
import { Worker } from "node:worker_threads"

/** Each checkpoint brings pages to the disk, for which commits have to wait too. Rare ones write a changed page less often. */
const INTERVAL_MS = 1_000

/** The size of the log at which the thread starts. SQLite itself would checkpoint here: see AUTOCHECKPOINT_PAGES. */
const FIRST_BYTES = 4_194_304

/** How often the gateway reads the size of the log until the thread starts. */
const SIZE_CHECK_INTERVAL = "1 second"

/** 64 MB of pages. Under steady writes the log never starts over by itself. Above this size the thread makes writers wait. */
const MAX_PAGES = 16_384

const PAGE_BYTES = 4_096

/** How long writers wait at most while the thread tries to truncate the log and another process still reads it. */
const TRUNCATE_WAIT_MS = 50

/** The gateway logs a warning if the log cannot start over for this long, and again each time the log has doubled. */
const STUCK_MS = 10_000

/** SQLite's own default. The connection goes back to it when the thread has ended. */
const AUTOCHECKPOINT_PAGES = 1_000

// The program is text, because the path of a file differs between sources, a build and a bundle.
// TRUNCATE makes the log start over and holds the write lock. The thread tries it only if it is likely to succeed soon: no
// reader holds the log back (`log === checkpointed`), and either little is left to move or three rounds did not help.
// After each failure the thread waits for twice as many rounds.
const program = `
  const { parentPort, workerData } = require("node:worker_threads")
  const { DatabaseSync } = require("node:sqlite")
  const { filename, intervalMs, maxPages, truncateWaitMs, stuckMs } = workerData
  const db = new DatabaseSync(filename, { timeout: truncateWaitMs })
  let before = 0
  let rounds = 0
  let failures = 0
  let roundsToSkip = 0
  let largeSince
  let reported = 0
  const reportLarge = (log) => {
    largeSince ??= performance.now()
    if (performance.now() - largeSince < stuckMs || log < reported * 2) return
    reported = log
    parentPort.postMessage(log)
  }
  const reset = () => {
    before = 0
    rounds = 0
    failures = 0
    roundsToSkip = 0
    largeSince = undefined
    if (reported > 0) parentPort.postMessage(0)
    reported = 0
  }
  setInterval(() => {
    try {
      const { log, checkpointed } = db.prepare("PRAGMA wal_checkpoint(PASSIVE)").get()
      if (log <= maxPages) return reset()
      const isLittle = checkpointed - before <= maxPages / 16 || ++rounds > 3
      before = checkpointed
      if (log === checkpointed && isLittle && roundsToSkip-- <= 0) {
        if (db.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get().busy === 0) return reset()
        roundsToSkip = Math.min(2 ** failures++, 32)
      }
      reportLarge(log)
    } catch {
      // The disk is full or the file is busy. Nothing is lost, and the next round tries again.
    }
  }, intervalMs)
`

/** Runs checkpoints until the scope closes. Closing `db`, the last connection, makes the final checkpoint. */
export const startCheckpointer = Effect.fnUntraced(function* (
  db: DatabaseSync,
  filename: string,
  options: Partial<CheckpointerOptions> = {},
): Effect.fn.Return<void, never, Scope.Scope> {
  const { firstBytes = FIRST_BYTES, ...threadOptions } = options
  const runFork = Effect.runForkWith(yield* Effect.context())
  yield* Effect.sync(() => db.exec("PRAGMA wal_autocheckpoint = 0"))
  const logBytes = Effect.sync(() => statSync(`${filename}-wal`, { throwIfNoEntry: false })?.size ?? 0)
  const untilGrown = Effect.repeat(logBytes, {
    until: (bytes) => bytes >= firstBytes,
    schedule: Schedule.spaced(SIZE_CHECK_INTERVAL),
  })
  const onLost = (error: unknown) => {
    db.exec(`PRAGMA wal_autocheckpoint = ${AUTOCHECKPOINT_PAGES}`)
    runFork(
      Effect.logWarning(
        "the checkpoint thread has ended. Checkpoints now stall the gateway for moments; restart it to start the thread again",
        error,
      ),
    )
  }
  const onSize = (pages: number) => runFork(pages === 0 ? logShrunk(filename) : logStuck(filename, pages))
  const threadDefaults = {
    intervalMs: INTERVAL_MS,
    maxPages: MAX_PAGES,
    truncateWaitMs: TRUNCATE_WAIT_MS,
    stuckMs: STUCK_MS,
  }
  const thread = Effect.sync(() => startThread({ filename, ...threadDefaults, ...threadOptions }, onSize, onLost))
  yield* Effect.forkScoped(
    Effect.andThen(
      untilGrown,
      Effect.acquireUseRelease(
        thread,
        () => Effect.never,
        ({ stop }) => stop,
      ),
    ),
  )
})

const logStuck = (filename: string, pages: number) =>
  Effect.logWarning(
    `${filename}-wal has grown to ${Math.round((pages * PAGE_BYTES) / 1_048_576)} MB because another process still reads ` +
      `old rows of the database. Writes go on. To free the space, end that process: "fuser ${filename}" finds it`,
  )

const logShrunk = (filename: string) =>
  Effect.logInfo(`${filename}-wal has started over: no process reads old rows any more`)

interface ThreadOptions {
  readonly intervalMs: number
  readonly maxPages: number
  readonly truncateWaitMs: number
  readonly stuckMs: number
}

export interface CheckpointerOptions extends ThreadOptions {
  readonly firstBytes: number
}

/** Calls `onSize` with the pages of a log that cannot start over, and with 0 once it has started over. */
const startThread = (
  options: ThreadOptions & { readonly filename: string },
  onSize: (pages: number) => void,
  onLost: (error: unknown) => void,
) => {
  const worker = new Worker(program, { eval: true, workerData: options })
  worker.unref()
  worker.on("message", onSize)
  let problem: unknown
  const onExit = () => onLost(problem)
  worker.once("error", (error) => (problem = error))
  worker.once("exit", onExit)
  // A terminated thread closes its handle. SQLite ignores the part of a checkpoint that was cut off.
  const stop = Effect.promise(() => {
    worker.off("exit", onExit)
    return worker.terminate()
  })
  return { stop }
}
