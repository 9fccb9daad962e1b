/**
 * Lines: what is typed, line by line, and Ctrl-C as something to react to instead of the end of the command. On a
 * terminal with editing and the lines before; from a pipe as they come.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { createInterface } from "node:readline"

/** `Interrupted`: Ctrl-C. `Ended`: Ctrl-D, or the end of the pipe. */
export type Typed =
  | { readonly _tag: "Line"; readonly text: string }
  | { readonly _tag: "Interrupted" }
  | { readonly _tag: "Ended" }

export interface Lines {
  /** The next line in order; Ctrl-C at once, whatever lines wait. */
  readonly next: Effect.Effect<Typed>
  /** Returns at the next Ctrl-C. */
  readonly interrupted: Effect.Effect<void>
  /** Shows that it is somebody's turn to type. */
  readonly prompt: Effect.Effect<void>
}

export interface LinesOptions {
  readonly isTerminal: boolean
  readonly prompt: string
  /** What the arrow keys bring back, the newest first. */
  readonly history: ReadonlyArray<string>
}

export const open = Effect.fnUntraced(function* ({
  history,
  isTerminal,
  prompt,
}: LinesOptions): Effect.fn.Return<Lines, never, Scope.Scope> {
  const lines = yield* Queue.unbounded<Typed>()
  // One Ctrl-C that nobody has reacted to is as good as many.
  const interrupts = yield* Queue.sliding<void>(1)
  const onInterrupt = () => Queue.offerUnsafe(interrupts, undefined)
  yield* takeSignal("SIGINT", onInterrupt)
  const reader = yield* Effect.acquireRelease(
    Effect.sync(() =>
      createInterface({
        input: process.stdin,
        prompt,
        history: [...history],
        terminal: isTerminal,
        ...(isTerminal && { output: process.stdout }),
      }),
    ),
    (reader) => Effect.sync(() => reader.close()),
  )
  reader
    .on("SIGINT", onInterrupt)
    .on("line", (text) => Queue.offerUnsafe(lines, { _tag: "Line", text }))
    .on("close", () => Queue.offerUnsafe(lines, { _tag: "Ended" }))
  const interrupted = Queue.take(interrupts)
  return {
    next: Effect.raceFirst(Effect.as(interrupted, { _tag: "Interrupted" } as const), Queue.take(lines)),
    interrupted,
    prompt: Effect.sync(() => {
      if (isTerminal) reader.prompt(true)
    }),
  }
})

/** Until the scope closes the signal comes to this listener alone: whoever else waits for it would end the command. */
const takeSignal = (signal: NodeJS.Signals, listener: () => void) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const others = process.listeners(signal)
      process.removeAllListeners(signal).on(signal, listener)
      return others
    }),
    (others) =>
      Effect.sync(() => {
        for (const other of others) process.on(signal, other)
        process.off(signal, listener)
      }),
  )
