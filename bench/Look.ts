/**
 * A look at the latency of calls: alone, and beside the work of others. The scenarios with latencies use it.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { ALONE, type Effort, figure, percentile, type Result } from "./Compare.ts"
import { frame, type Line } from "./Line.ts"
import { request } from "./wires/Rpc.ts"

/** A look takes so many calls, and pauses so long after each. */
const CALLS = 300
const PAUSE_MS = 4

/** A call, and a text that its answer contains once. */
export interface Call {
  readonly block: Buffer
  readonly mark: string
}

export const call = (tag: string, payload: object = {}): Call => ({
  block: frame(request(1, tag, payload)),
  mark: `"Exit"`,
})

/** Returns the latency of a call in milliseconds. */
export const timed = async (line: Line, { block, mark }: Call): Promise<number> => {
  const began = performance.now()
  await line.exchange(block, mark, 1)
  return performance.now() - began
}

/** Returns the latencies of a look in milliseconds. Its calls go over one line after another. */
export const look = async (lines: ReadonlyArray<Line>, what: Call, scale: number): Promise<ReadonlyArray<number>> => {
  const samples: Array<number> = []
  for (let n = 0; n < CALLS * scale; n++) {
    samples.push(await timed(lines[n % lines.length]!, what))
    await sleep(PAUSE_MS)
  }
  return samples
}

/** Repeats a call over the line until the work is done, with a pause after each. Returns the latencies. */
export const during = async (
  line: Line,
  what: Call,
  work: () => Promise<unknown>,
  pauseMs = 1,
): Promise<ReadonlyArray<number>> => {
  const samples: Array<number> = []
  const over = new AbortController()
  const calls = async () => {
    while (!over.signal.aborted) {
      samples.push(await timed(line, what))
      await sleep(pauseMs)
    }
  }
  await Promise.all([calls(), work().finally(() => over.abort())])
  return samples
}

/** Returns the longest latency of calls over the line until the work is done. */
export const longestDuring = async (line: Line, what: Call, work: () => Promise<unknown>): Promise<number> =>
  percentile(await during(line, what, work), 1)

/** Returns the 99th percentiles of looks alone and beside the trouble, in turns. */
export const troubled = async (
  work: string,
  { rounds }: Effort,
  calls: () => Promise<ReadonlyArray<number>>,
  beside: (calls: () => Promise<ReadonlyArray<number>>) => Promise<ReadonlyArray<number>>,
): Promise<Result> => {
  const alone: Array<number> = []
  const together: Array<number> = []
  await calls()
  for (let round = 0; round < rounds; round++) {
    alone.push(percentile(await calls(), 0.99))
    together.push(percentile(await beside(calls), 0.99))
  }
  const figures = [figure(ALONE, alone), figure("causeway", together)]
  return { work: `${work}, p99`, unit: "ms", figures, goal: { ratio: 1.1 } }
}
