/**
 * Lines: reads standard input line by line and returns Ctrl-C as a value, so that it does not end the command. A terminal
 * gets line editing and a history. `causeway chat` uses it.
 */
import * as Effect from "effect/Effect"
import * as Queue from "effect/Queue"
import type * as Scope from "effect/Scope"
import { createInterface } from "node:readline"
import { printable } from "../../domain/Printable.ts"
import type { CommandFailed } from "./ExitCode.ts"
import { inputFailure, openInput } from "./StandardInput.ts"

/** `Interrupted`: Ctrl-C. `Ended`: Ctrl-D, or the end of the pipe. `Failed`: the input cannot be read. */
export type Typed =
  | { readonly _tag: "Line"; readonly text: string }
  | { readonly _tag: "Interrupted" }
  | { readonly _tag: "Ended" }
  | { readonly _tag: "Failed"; readonly failure: CommandFailed }

export interface Lines {
  /** Returns the next line. Ctrl-C overtakes waiting lines. */
  readonly next: Effect.Effect<Typed>
  /** Returns at the next Ctrl-C. */
  readonly interrupted: Effect.Effect<void>
  /** Shows the prompt at a terminal. */
  readonly prompt: Effect.Effect<void>
}

export interface LinesOptions {
  readonly isTerminal: boolean
  readonly prompt: string
  /** Lines for the arrow keys, newest first. */
  readonly history: ReadonlyArray<string>
}

export const open = Effect.fnUntraced(function* ({
  history,
  isTerminal,
  prompt,
}: LinesOptions): Effect.fn.Return<Lines, CommandFailed, Scope.Scope> {
  const input = yield* openInput
  const lines = yield* Queue.unbounded<Typed>()
  // Repeated Ctrl-C before the first one is handled counts once.
  const interrupts = yield* Queue.sliding<void>(1)
  const onInterrupt = () => Queue.offerUnsafe(interrupts, undefined)
  yield* takeSignal("SIGINT", onInterrupt)
  const reader = yield* Effect.acquireRelease(
    Effect.sync(() =>
      createInterface({
        input,
        prompt,
        history: history.map(printable),
        terminal: isTerminal,
        ...(isTerminal && { output: process.stdout }),
      }),
    ),
    (reader) => Effect.sync(() => reader.close()),
  )
  reader
    .on("SIGINT", onInterrupt)
    .on("error", (error: unknown) => Queue.offerUnsafe(lines, { _tag: "Failed", failure: inputFailure(error) }))
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

/** Removes all other listeners of the signal until the scope closes, because they would end the command. */
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
