/** A log in memory, for tests that read it. */
import type * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"

export interface CapturedLog {
  /** Returns all entries as lines of `name=value`, annotations and causes included. */
  readonly text: () => string
  /** Replaces all loggers. */
  readonly layer: Layer.Layer<never>
}

export const capturedLog = (): CapturedLog => {
  const lines: Array<string> = []
  return {
    text: () => lines.join("\n"),
    layer: Logger.layer([Logger.map(Logger.formatLogFmt, (line) => void lines.push(line))]),
  }
}
