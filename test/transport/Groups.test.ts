import { describe, expect, it } from "@effect/vitest"
import { Follower, type Listener, type WordedItem } from "../../src/transport/Groups.ts"

const nobody: Listener = {
  behind: false,
  room: () => {
    throw new Error("nobody has room")
  },
  sendShared: () => {},
  sendLatest: () => {},
  sendAppended: () => {},
}

const follower = () => {
  const follower = new Follower(nobody, 0)
  follower.beginHolding()
  return follower
}

const batch = (from: number, count: number, text = "x"): ReadonlyArray<WordedItem> =>
  Array.from({ length: count }, (_, i) => ({
    told: { policy: "must", text },
    seq: from + i,
    at: from + i,
    bytes: undefined,
  }))

describe("a follower that is not in the present", () => {
  it("holds what happens, in order, until it is taken", () => {
    const one = follower()
    one.hold(batch(1, 2))
    one.hold(batch(3, 1))
    expect(one.takeHeld().map(({ at }) => at)).toEqual([1, 2, 3])
    expect(one.takeHeld()).toEqual([])
    expect(one.held).toBeUndefined()
  })

  it.each([
    { name: "many frames", more: batch(2, 4_096) },
    { name: "few that are long", more: batch(2, 17, "x".repeat(262_144)) },
    { name: "one that is very long", more: batch(2, 1, "x".repeat(5_000_000)) },
  ])("that is outrun by $name holds nothing at all, whatever comes then", ({ more }) => {
    const one = follower()
    one.hold(batch(1, 1))
    one.hold(more)
    one.hold(batch(10_000, 1))
    expect(one.outrun).toBe(true)
    expect(one.held).toEqual([])
    one.beginHolding()
    one.hold(batch(1, 1))
    expect(one.held).toHaveLength(1)
  })

  it("has the whole room again once what was held is taken", () => {
    const one = follower()
    for (let i = 0; i < 10; i++) {
      one.hold(batch(i, 12, "x".repeat(262_144)))
      expect(one.takeHeld()).toHaveLength(12)
    }
    expect(one.outrun).toBe(false)
  })
})
