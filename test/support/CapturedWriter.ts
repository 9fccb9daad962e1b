/** Captures the output of commands, as a terminal or a program would receive it. */
import * as Effect from "effect/Effect"
import { Writer } from "../../src/cli/terminal/Writer.ts"

export interface Captured {
  stdout: string
  stderr: string
}

/** Returns a writer and its output. Dim text stands in `<` and `>`. */
export const make = (isTerminal: boolean) => {
  const written: Captured = { stdout: "", stderr: "" }
  const listeners = new Set<() => void>()
  const writer: Writer = {
    isTerminal: () => isTerminal,
    dim: (_, text) => (isTerminal ? `<${text}>` : text),
    write: (target, text) =>
      Effect.sync(() => {
        written[target] += text
        for (const listener of listeners) listener()
      }),
  }
  /** Waits until standard output contains the text or matches the pattern. */
  const prints = (expected: string | RegExp) =>
    Effect.callback<void>((resume) => {
      const look = () => {
        const { stdout } = written
        if (!(typeof expected === "string" ? stdout.includes(expected) : expected.test(stdout))) return
        listeners.delete(look)
        resume(Effect.void)
      }
      listeners.add(look)
      look()
      return Effect.sync(() => listeners.delete(look))
    })
  return { written, writer, prints }
}

/** Runs the program and returns its output. */
export const captured = <E, R>(
  program: Effect.Effect<unknown, E, R>,
  isTerminal: boolean,
): Effect.Effect<Captured, E, R> =>
  Effect.suspend(() => {
    const { written, writer } = make(isTerminal)
    return Effect.as(Effect.provideService(program, Writer, writer), written)
  })
