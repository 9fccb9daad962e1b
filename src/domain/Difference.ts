/**
 * Difference: compares two states of a keyed collection. Monitors compare the stored state with the published state and
 * publish the difference.
 */

export interface Difference<A> {
  readonly added: ReadonlyArray<A>
  readonly changed: ReadonlyArray<A>
  readonly removed: ReadonlyArray<string>
}

/** Returns added and changed items in the order of `current`, and removed keys in the order of `published`. */
export const difference = <A>(
  published: ReadonlyMap<string, A>,
  current: ReadonlyMap<string, A>,
  same: (a: A, b: A) => boolean,
): Difference<A> => {
  const added: Array<A> = []
  const changed: Array<A> = []
  for (const [key, now] of current) {
    const before = published.get(key)
    if (before === undefined) added.push(now)
    else if (!same(before, now)) changed.push(now)
  }
  return { added, changed, removed: [...published.keys()].filter((key) => !current.has(key)) }
}

export const isEmpty = ({ added, changed, removed }: Difference<unknown>): boolean =>
  added.length + changed.length + removed.length === 0
