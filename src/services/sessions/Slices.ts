/**
 * Slices: filters and sorts long arrays in slices, so that the event loop runs other work in between. SortedSessions uses it.
 */
import * as Effect from "effect/Effect"

/** The items of a slice, which take a few milliseconds. */
const SLICE = 2_048

/** Returns the items that meet the condition. Others must not change the array meanwhile. */
export const filter = Effect.fnUntraced(function* <A>(items: ReadonlyArray<A>, condition: (item: A) => boolean) {
  const found: Array<A> = []
  for (let start = 0; start < items.length; start += SLICE) {
    if (start > 0) yield* Effect.yieldNow
    const end = Math.min(items.length, start + SLICE)
    for (let index = start; index < end; index++) if (condition(items[index]!)) found.push(items[index]!)
  }
  return found
})

type Compare<A> = (a: A, b: A) => number

const merge = Effect.fnUntraced(function* <A>(a: ReadonlyArray<A>, b: ReadonlyArray<A>, compare: Compare<A>) {
  const merged: Array<A> = []
  let fromA = 0
  let fromB = 0
  while (fromA < a.length && fromB < b.length) {
    merged.push(compare(a[fromA]!, b[fromB]!) <= 0 ? a[fromA++]! : b[fromB++]!)
    if (merged.length % SLICE === 0) yield* Effect.yieldNow
  }
  return merged.concat(a.slice(fromA), b.slice(fromB))
})

/** Returns the items in order. Others must not change the array meanwhile. */
export const sort = Effect.fnUntraced(function* <A>(items: ReadonlyArray<A>, compare: Compare<A>) {
  let runs: Array<Array<A>> = []
  for (let start = 0; start < items.length; start += SLICE) {
    if (start > 0) yield* Effect.yieldNow
    runs.push(items.slice(start, start + SLICE).sort(compare))
  }
  while (runs.length > 1) {
    const merged: Array<Array<A>> = []
    for (let index = 0; index < runs.length; index += 2) {
      const next = runs[index + 1]
      merged.push(next === undefined ? runs[index]! : yield* merge(runs[index]!, next, compare))
    }
    runs = merged
  }
  return runs[0] ?? []
})
