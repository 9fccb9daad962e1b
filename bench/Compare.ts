/**
 * The comparison: several servers do the same work in interleaved rounds, and the bench compares the medians. The other
 * load of the machine affects all servers alike.
 */
import type { Server } from "./Server.ts"

export interface Effort {
  readonly rounds: number
  /** Rounds until V8 has compiled the measured code. Their results are dropped. */
  readonly warmUp: number
  /** The factor of the numbers of connections and messages: 1, or a small one for a smoke test. */
  readonly scale: number
}

export interface Figure {
  readonly target: string
  readonly value: number
  /** The smallest and the largest value of the rounds. */
  readonly range?: readonly [number, number]
}

/** The target of a first figure that is the same work of the gateway, without the work of others. */
export const ALONE = "alone"

/** One line of the results. */
export interface Result {
  readonly work: string
  /** The unit of the values: "µs", "KB", "ms" or "MB". */
  readonly unit: string
  readonly figures: ReadonlyArray<Figure>
  /** The upper limit for the gateway: a ratio to the first figure, or a value. */
  readonly goal?: { readonly ratio: number } | { readonly value: number }
}

export const median = (values: ReadonlyArray<number>): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

export const percentile = (values: ReadonlyArray<number>, share: number): number =>
  values.toSorted((a, b) => a - b)[Math.floor((values.length - 1) * share)] ?? 0

export const figure = (target: string, values: ReadonlyArray<number>): Figure => ({
  target,
  value: median(values),
  range: [Math.min(...values), Math.max(...values)],
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

/** Returns the goal: a ratio or a value. `undefined` if the result has no goal. */
export const goalOf = ({ goal }: Result): number | undefined =>
  goal === undefined ? undefined : "ratio" in goal ? goal.ratio : goal.value

/** Returns the gateway's result in the terms of its goal. */
export const measuredOf = (result: Result): number => {
  const { value = Number.NaN } = result.figures.find(({ target }) => target === "causeway") ?? {}
  return result.goal !== undefined && "ratio" in result.goal ? (ratioOf(result, "causeway") ?? value) : value
}
