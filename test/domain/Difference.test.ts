import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { difference, isEmpty } from "../../src/domain/Difference.ts"

type Row = { readonly key: string; readonly value: number }

const same = (a: Row, b: Row) => a.value === b.value

const rows = (state: ReadonlyArray<readonly [string, number]>): ReadonlyMap<string, Row> =>
  new Map(state.map(([key, value]) => [key, { key, value }]))

const Entries = Schema.Array(
  Schema.Tuple([Schema.Literals(["a", "b", "c", "d", "e", "f"]), Schema.Literals([1, 2, 3])]),
)

describe("difference", () => {
  it.prop(
    "The difference, applied to the first state, gives the second state.",
    [Entries, Entries],
    ([before, after]) => {
      const old = rows(before)
      const current = rows(after)
      const { added, changed, removed } = difference(old, current, same)
      const applied = new Map(old)
      for (const key of removed) expect(applied.delete(key)).toBe(true)
      for (const row of changed) {
        expect(applied.has(row.key)).toBe(true)
        applied.set(row.key, row)
      }
      for (const row of added) {
        expect(applied.has(row.key)).toBe(false)
        applied.set(row.key, row)
      }
      expect(Object.fromEntries(applied)).toEqual(Object.fromEntries(current))
    },
  )

  it.prop("The difference of equal states in any order is empty.", [Entries], ([entries]) => {
    const state = rows(entries)
    const reversed = new Map([...rows(entries)].toReversed())
    expect(isEmpty(difference(state, reversed, same))).toBe(true)
  })

  it("The difference contains each key once.", () => {
    const { added, changed, removed } = difference(
      rows([
        ["a", 1],
        ["b", 1],
      ]),
      rows([
        ["b", 2],
        ["c", 1],
      ]),
      same,
    )
    expect(added.map(({ key }) => key)).toEqual(["c"])
    expect(changed.map(({ key }) => key)).toEqual(["b"])
    expect(removed).toEqual(["a"])
  })
})
