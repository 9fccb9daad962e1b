/**
 * A look at the latency of calls: alone, and beside the work of others. The scenarios with latencies use it.
 */
import { setTimeout as sleep } from "node:timers/promises"
import { ALONE, ELSEWHERE, type Effort, figure, percentile, type Result } from "./Compare.ts"
import { frame, type Line } from "./Line.ts"
import type { Server } from "./Server.ts"
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

type Calls = () => Promise<ReadonlyArray<number>>

/** Does the calls while a server has trouble. Returns their latencies. */
export type Beside = (server: Server) => (calls: Calls) => Promise<ReadonlyArray<number>>

export interface Trouble {
  readonly work: string
  readonly beside: Beside
  /** The server that the calls go to. */
  readonly server: Server
  /** Another server like it: its trouble takes as much of the machine and nothing of the first server. */
  readonly other?: Server
}

/** Returns the 99th percentiles of looks alone, beside the trouble, and beside that of the other server, in turns. */
export const troubled = async (
  { beside, other, server, work }: Trouble,
  { rounds }: Effort,
  calls: Calls,
): Promise<Result> => {
  const looks: Readonly<Record<string, Calls>> = {
    [ALONE]: calls,
    causeway: () => beside(server)(calls),
    ...(other !== undefined && { [ELSEWHERE]: () => beside(other)(calls) }),
  }
  const values = Object.values(looks).map((): Array<number> => [])
  await calls()
  for (let round = 0; round < rounds; round++) {
    for (const [i, look] of Object.values(looks).entries()) values[i]!.push(percentile(await look(), 0.99))
  }
  const figures = Object.keys(looks).map((target, i) => figure(target, values[i]!))
  return { work: `${work}, p99`, unit: "ms", figures, goal: { ratio: 1.1 } }
}
