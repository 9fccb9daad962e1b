/**
 * The comparison: several servers do the same work in interleaved rounds, and the bench compares the medians. The other
 * load of the machine affects all servers alike.
 */
import type { Server } from "./Server.ts"
import { isWireName, type WireName } from "./wires/Wires.ts"

export interface Effort {
  readonly rounds: number
  /** Rounds until V8 has compiled the measured code. Their results are dropped. */
  readonly warmUp: number
  /** The factor of the numbers of connections and messages: 1, or a small one for a smoke test. */
  readonly scale: number
  /** The wires that the scenarios compare, for `--wire`. */
  readonly wires: ReadonlyArray<WireName>
}

/** The upper limit for the gateway: a ratio to the first figure, or a value. */
export type Goal = { readonly ratio: number } | { readonly value: number }

export interface Figure {
  readonly target: string
  readonly value: number
  /** The smallest and the largest value of the rounds. */
  readonly range?: readonly [number, number]
  /** The goal of this target, if it differs from that of the result. */
  readonly goal?: Goal
}

/** The target of a first figure that is the same work of the gateway, without the work of others. */
export const ALONE = "alone"

/** The target of a figure of the same work while another process does the work of others: a part of `causeway`'s cost is the machine's. */
export const ELSEWHERE = "elsewhere"

/** The target of the gateway in scenarios without wires. */
const CAUSEWAY = "causeway"

/** One line of the results. */
export interface Result {
  readonly work: string
  /** The unit of the values: "µs", "KB", "ms" or "MB". */
  readonly unit: string
  readonly figures: ReadonlyArray<Figure>
  readonly goal?: Goal
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

export const percentile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0

/** `goal`: the goal of this target, if it differs from that of the result. */
export const figure = (target: string, values: ReadonlyArray<number>, goal?: Goal): Figure => ({
  target,
  value: median(values),
  range: [Math.min(...values), Math.max(...values)],
  ...(goal !== undefined && { goal }),
})

/** A percentile of the gateway's latencies. The range is their median and the longest. */
export const latency = (samples: ReadonlyArray<number>, share: number): Figure => ({
  target: CAUSEWAY,
  value: percentile(samples, share),
  range: [percentile(samples, 0.5), percentile(samples, 1)],
})

export const compare = async <S extends { readonly server: Server }>(
  subjects: ReadonlyArray<S>,
  { rounds, warmUp }: Effort,
  work: (subject: S) => Promise<number>,
): Promise<ReadonlyArray<Figure>> => {
  const values = subjects.map((): Array<number> => [])
  for (let round = -warmUp; round < rounds; round++) {
    for (const [i, subject] of subjects.entries()) {
      const value = await work(subject)
      if (round >= 0) values[i]!.push(value)
    }
  }
  return subjects.map(({ server }, i) => figure(server.name, values[i]!))
}

/** Returns the ratio of a target's figure to the first target's figure. */
export const ratioOf = ({ figures }: Result, target: string): number | undefined => {
  const [floor] = figures
  const measured = figures.find((figure) => figure.target === target)
  return floor === undefined || measured === undefined ? undefined : measured.value / floor.value
}

/** The target of subscribers that are spread over all wires of one gateway. */
export const ALL_WIRES = "all wires"

/** Whether the target is the gateway. */
export const isOurs = (target: string): boolean => target === CAUSEWAY || target === ALL_WIRES || isWireName(target)

/** A target's figure in the terms of its goal: a ratio, or a value in the result's unit. */
export interface Verdict {
  readonly measured: number
  readonly goal: number | undefined
  readonly isRatio: boolean
  readonly isMissed: boolean
}

/** Returns the figure of a target beside the goal. Only the gateway has goals. */
export const verdictOf = (result: Result, { goal = result.goal, target, value }: Figure): Verdict => {
  const isRatio = goal !== undefined && "ratio" in goal
  const measured = isRatio ? (ratioOf(result, target) ?? value) : value
  if (goal === undefined || !isOurs(target)) return { measured, goal: undefined, isRatio, isMissed: false }
  const limit = "ratio" in goal ? goal.ratio : goal.value
  return { measured, goal: limit, isRatio, isMissed: measured > limit }
}
