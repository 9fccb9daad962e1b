import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { partitionPoint } from "../../src/domain/PartitionPoint.ts"

const Small = Schema.Literals([0, 1, 2, 3, 4])

describe("partitionPoint", () => {
  it.prop("The point is the number of items that come before.", [Schema.Array(Small), Small], ([items, bound]) => {
    const isBefore = (item: number) => item < bound
    const sorted = items.toSorted((a, b) => a - b)
    expect(partitionPoint(sorted, isBefore)).toBe(items.filter(isBefore).length)
  })
})
