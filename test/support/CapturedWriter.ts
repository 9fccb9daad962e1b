/** Captures the output of commands, as a terminal or a program would receive it. */
import * as Effect from "effect/Effect"
import { Writer } from "../../src/cli/terminal/Writer.ts"

export interface Captured {
  stdout: string
  stderr: string
}

/** Runs the program and returns what it wrote. Dim text stands in `<` and `>`. */
export const captured = <E, R>(
  program: Effect.Effect<unknown, E, R>,
  isTerminal: boolean,
): Effect.Effect<Captured, E, R> => {
  const written: Captured = { stdout: "", stderr: "" }
  const writer = {
    isTerminal: () => isTerminal,
    dim: (_: string, text: string) => (isTerminal ? `<${text}>` : text),
    write: (target: keyof Captured, text: string) =>
      Effect.sync(() => {
        written[target] += text
      }),
  }
  return Effect.as(Effect.provideService(program, Writer, writer), written)
}
