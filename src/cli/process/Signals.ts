/**
 * Signals: the signals of a running gateway. SIGTERM and SIGINT drain it, and a second one ends it at once. SIGHUP goes
 * to Serve.ts, which reloads the configuration. A gateway that npm runs drains when npm is gone. NodeRuntime.runMain
 * interrupts the program at SIGTERM and SIGINT; this module limits the time of the stop.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import * as Schedule from "effect/Schedule"
import { ExitCode } from "../terminal/ExitCode.ts"

/** Time to close everything after the drain, before the process exits regardless. */
const CLOSE_GRACE_MS = 500

/** Ctrl-C under npm arrives twice: from the terminal and from npm, which forwards it. */
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
 * Exits with `code` after the time of a drain, even if a client or a disk delays it. Acknowledged messages are on disk,
 * as after a crash.
 */
export const exitAfterDrain = (drainMs: number, code: ExitCode): void =>
  void setTimeout(() => process.exit(code), drainMs + CLOSE_GRACE_MS).unref()

/** Limits the time of the stop, and exits at the second signal: runMain cannot interrupt a stopping program again. */
export const limitStop = Effect.fnUntraced(function* (drainMs: number, isRunByNpm: boolean) {
  let isStopping = false
  let exitsAtNext = false
  yield* listen(["SIGINT", "SIGTERM"], () => {
    if (exitsAtNext) process.exit(ExitCode.failed)
    if (isStopping) return
    isStopping = true
    if (isRunByNpm) setTimeout(() => (exitsAtNext = true), SAME_SIGNAL_MS).unref()
    else exitsAtNext = true
    exitAfterDrain(drainMs, ExitCode.ok)
  })
})

/** Returns a queue of the SIGHUPs from now on. */
export const hangUps = Effect.gen(function* () {
  const signals = yield* Queue.sliding<void>(1)
  yield* listen(["SIGHUP"], () => void Queue.offerUnsafe(signals, undefined))
  return signals
})

/** Time until a gateway notices that npm is gone. */
const PARENT_CHECK_INTERVAL = "500 millis"

/**
 * Stops the gateway when its parent process is gone. npm runs a script through a shell. A signal ends npm and the shell,
 * and the gateway would keep the port and the state folder.
 */
export const stopWithParent = Effect.gen(function* () {
  const parent = process.ppid
  const isOrphan = Effect.sync(() => process.ppid !== parent)
  yield* Effect.repeat(isOrphan, {
    until: (isOrphan) => isOrphan,
    schedule: Schedule.spaced(PARENT_CHECK_INTERVAL),
  }).pipe(
    Effect.andThen(Effect.logInfo("stopping, because npm, which ran this gateway, is gone")),
    Effect.andThen(Effect.sync(() => process.kill(process.pid, "SIGTERM"))),
    Effect.forkScoped,
  )
})
