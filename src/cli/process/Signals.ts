/**
 * Signals of a gateway. SIGTERM and SIGINT drain it, a second one ends it at once; SIGHUP is handed to the caller. A
 * gateway that npm runs drains when npm is gone. NodeRuntime.runMain interrupts at SIGTERM and SIGINT; this bounds what
 * follows.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import { ExitCode } from "../terminal/ExitCode.ts"

/** What closing everything may take beyond the drain, before the process ends without it. */
const CLOSE_GRACE_MS = 500

/** Ctrl-C under npm arrives twice: from the terminal, and from npm, which forwards it. */
const SAME_SIGNAL_MS = 500

const listen = (signals: ReadonlyArray<NodeJS.Signals>, listener: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      for (const signal of signals) process.on(signal, listener)
    }),
    () =>
      Effect.sync(() => {
        for (const signal of signals) process.off(signal, listener)
      }),
  )

/**
 * Ends the process with `code` when a drain should be over, should a client or a disk hold it up: what was acknowledged
 * is on disk, as after a crash.
 */
export const endInTime = (drainMs: number, code: ExitCode): void =>
  void setTimeout(() => process.exit(code), drainMs + CLOSE_GRACE_MS).unref()

/** runMain interrupts at every signal, which ends nothing that is already ending. So the second signal ends the process. */
export const boundedEnd = Effect.fnUntraced(function* (drainMs: number, isRunByNpm: boolean) {
  let isAsked = false
  let isArmed = false
  yield* listen(["SIGINT", "SIGTERM"], () => {
    if (isArmed) process.exit(ExitCode.failed)
    if (isAsked) return
    isAsked = true
    if (isRunByNpm) setTimeout(() => (isArmed = true), SAME_SIGNAL_MS).unref()
    else isArmed = true
    endInTime(drainMs, ExitCode.ok)
  })
})

/** The SIGHUPs that arrive from now on. */
export const hangUps = Effect.gen(function* () {
  const signals = yield* Queue.sliding<void>(1)
  yield* listen(["SIGHUP"], () => void Queue.offerUnsafe(signals, undefined))
  return signals
})

/** How soon a gateway notices that npm is gone. */
const LOOK_INTERVAL = "500 millis"

/**
 * npm runs a script by a shell. A signal ends npm and the shell, and a child that the shell started would live on with
 * the port and the state folder. So the gateway ends when its parent does.
 */
export const endWithParent = Effect.gen(function* () {
  const parent = process.ppid
  const isOrphan = Effect.sync(() => process.ppid !== parent)
  yield* Effect.repeat(isOrphan, { until: (isOrphan) => isOrphan, schedule: Schedule.spaced(LOOK_INTERVAL) }).pipe(
    Effect.andThen(Effect.logInfo("npm, which ran this gateway, is gone: it stops")),
    Effect.andThen(Effect.sync(() => process.kill(process.pid, "SIGTERM"))),
    Effect.forkScoped,
  )
})
