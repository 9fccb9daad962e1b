/**
 * ModelAnswer: the line about the answer of a tested model. `causeway models test` and `causeway setup` print it.
 */
import { oneLine } from "./Output.ts"

/** Columns of the answer. */
const WIDTH = 80

export const answerLine = (answer: {
  readonly model: string
  readonly text: string
  readonly durationMs: number
}): string => `${answer.model} answered in ${answer.durationMs} ms: ${oneLine(answer.text, WIDTH)}`
