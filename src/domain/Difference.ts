/**
 * Difference: what has to be told so that somebody who knows one state of a keyed collection knows the other. Monitors
 * compare what is with what was told; what they do with the answer is theirs.
 */

export interface Difference<A> {
  readonly added: ReadonlyArray<A>
  readonly changed: ReadonlyArray<A>
  readonly removed: ReadonlyArray<string>
}

/** Added and changed in the order in which they are found, removed in the order in which they were told. */
export const difference = <A>(
  told: ReadonlyMap<string, A>,
  found: ReadonlyMap<string, A>,
  same: (a: A, b: A) => boolean,
): Difference<A> => {
  const added: Array<A> = []
  const changed: Array<A> = []
  for (const [key, now] of found) {
    const before = told.get(key)
    if (before === undefined) added.push(now)
    else if (!same(before, now)) changed.push(now)
  }
  return { added, changed, removed: [...told.keys()].filter((key) => !found.has(key)) }
}

export const isNothing = ({ added, changed, removed }: Difference<unknown>): boolean =>
  added.length + changed.length + removed.length === 0
