import { describe, expect, it } from "@effect/vitest"
import { Subscriber, type Sink, type EncodedEvent } from "../../../src/transport/fanout/SubscriberGroups.ts"

const nobody: Sink = {
  isBackpressured: false,
  awaitWritable: () => {
    throw new Error("nobody has room")
  },
  sendShared: () => {},
  sendLatest: () => {},
  sendAppended: () => {},
}

const follower = () => {
  const follower = new Subscriber(nobody, 0)
  follower.startBuffering()
  return follower
}

const batch = (from: number, count: number, text = "x"): ReadonlyArray<EncodedEvent> =>
  Array.from({ length: count }, (_, i) => ({
    frame: { policy: "must", text },
    seq: from + i,
    at: from + i,
    bytes: undefined,
  }))

describe("a follower that is not in the present", () => {
  it("holds what happens, in order, until it is taken", () => {
    const one = follower()
    one.buffer(batch(1, 2))
    one.buffer(batch(3, 1))
    expect(one.takeBuffered().map(({ at }) => at)).toEqual([1, 2, 3])
    expect(one.takeBuffered()).toEqual([])
    expect(one.buffered).toBeUndefined()
  })

  it.each([
    { name: "many frames", more: batch(2, 4_096) },
    { name: "few that are long", more: batch(2, 17, "x".repeat(262_144)) },
    { name: "one that is very long", more: batch(2, 1, "x".repeat(5_000_000)) },
  ])("that is outrun by $name holds nothing at all, whatever comes then", ({ more }) => {
    const one = follower()
    one.buffer(batch(1, 1))
    one.buffer(more)
    one.buffer(batch(10_000, 1))
    expect(one.overflowed).toBe(true)
    expect(one.buffered).toEqual([])
    one.startBuffering()
    one.buffer(batch(1, 1))
    expect(one.buffered).toHaveLength(1)
  })

  it("has the whole room again once what was held is taken", () => {
    const one = follower()
    for (let i = 0; i < 10; i++) {
      one.buffer(batch(i, 12, "x".repeat(262_144)))
      expect(one.takeBuffered()).toHaveLength(12)
    }
    expect(one.overflowed).toBe(false)
  })
})
