/** The binary search in ordered lists. EventRing, SortedSessions and the fan-out's Backlog use it. */

/** Returns the number of items at the beginning for which `isBefore` is true. All of them come before the others. */
export const partitionPoint = <A>(items: ReadonlyArray<A>, isBefore: (item: A) => boolean): number => {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (isBefore(items[middle]!)) low = middle + 1
    else high = middle
  }
  return low
}
