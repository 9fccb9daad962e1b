/** The messages for the runtime of Runtimes.ts. Each names what the run does. */

/** Runs that misbehave: without end in the processor, in output, in silence, or by a bug. */
export type Misdeed = "spin" | "flood" | "hang" | "throw"

/** A run that emits this many tokens, one each `TOKEN_MS` milliseconds. */
export const STREAM = "stream"
export const TOKENS = 200
export const TOKEN_MS = 10
