import { describe, expect, it } from "@effect/vitest"
import { Backlog } from "../../../src/transport/fanout/Backlog.ts"
import type { EncodedEvent } from "../../../src/transport/fanout/EncodedEvent.ts"

const frames = (positions: ReadonlyArray<number>, text = "x"): ReadonlyArray<EncodedEvent> =>
  positions.map((at) => ({ frame: { policy: "must", text }, seq: at, at, bytes: undefined }))

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i)

const positionsAfter = (backlog: Backlog, cursor: number) => backlog.read(cursor).items.map(({ at }) => at)

describe("Backlog", () => {
  it("Without a reader, the backlog keeps nothing and follows the newest position.", () => {
    const backlog = new Backlog(5, { frames: 8, chars: 100 })
    backlog.push(frames([6, 7]))
    expect([backlog.after, backlog.head]).toEqual([7, 7])
    expect(positionsAfter(backlog, 5)).toEqual([])
  })

  it("The backlog returns the events after a reader's cursor, until the reader releases it.", () => {
    const backlog = new Backlog(5, { frames: 8, chars: 100 })
    const reader = { cursor: 5 }
    backlog.hold(reader)
    backlog.push(frames([6, 7]))
    backlog.push(frames([9]))
    expect([backlog.after, backlog.head]).toEqual([5, 9])
    expect(positionsAfter(backlog, 5)).toEqual([6, 7, 9])
    expect(positionsAfter(backlog, 7)).toEqual([9])
    expect(backlog.read(8).cursor).toBe(9)
    expect(backlog.read(9)).toEqual({ items: [], cursor: 9 })
    backlog.release(reader)
    expect([backlog.after, backlog.head]).toEqual([9, 9])
    expect(positionsAfter(backlog, 5)).toEqual([])
  })

  it("A page holds the events that fit into one frame, and never a part of an event.", () => {
    const backlog = new Backlog(0, { frames: 100, chars: 1_000_000 })
    backlog.hold({ cursor: 0 })
    backlog.push(frames([1, 2, 2, 2, 3], "x".repeat(30_000)))
    expect(positionsAfter(backlog, 0)).toEqual([1, 2, 2, 2])
    expect(backlog.read(0).cursor).toBe(2)
    expect(positionsAfter(backlog, 1)).toEqual([2, 2, 2])
    expect(positionsAfter(backlog, 2)).toEqual([3])
    backlog.push(frames([4], "x".repeat(100_000)))
    expect(positionsAfter(backlog, 3)).toEqual([4])
  })

  it.each([
    { name: "frames", more: frames(range(3, 20)) },
    { name: "characters", more: frames(range(3, 8), "x".repeat(200)) },
  ])("A backlog with too many $name drops its oldest events and keeps the newest for other readers.", ({ more }) => {
    const backlog = new Backlog(0, { frames: 16, chars: 1_000 })
    backlog.hold({ cursor: 0 })
    backlog.push(frames([1, 2]))
    backlog.hold({ cursor: more.at(-1)!.at - 1 })
    backlog.push(more)
    expect(backlog.after).toBeGreaterThan(2)
    expect(positionsAfter(backlog, backlog.after)).toEqual(range(backlog.after + 1, backlog.head))
    expect(positionsAfter(backlog, backlog.head - 1)).toEqual([backlog.head])
  })

  it.each([
    { name: "many frames", more: frames(range(2, 60)) },
    { name: "a very long frame", more: frames([2], "x".repeat(2_000)) },
  ])("A backlog whose only reader is left behind by $name keeps nothing.", ({ more }) => {
    const backlog = new Backlog(0, { frames: 16, chars: 1_000 })
    const reader = { cursor: 0 }
    backlog.hold(reader)
    backlog.push(frames([1]))
    backlog.push(more)
    backlog.push(frames([100]))
    expect([backlog.after, backlog.head]).toEqual([100, 100])
    expect(positionsAfter(backlog, 0)).toEqual([])
    reader.cursor = 100
    backlog.hold(reader)
    backlog.push(frames([101]))
    expect(positionsAfter(backlog, 100)).toEqual([101])
  })

  it("The events of one position are dropped together.", () => {
    const backlog = new Backlog(0, { frames: 4, chars: 1_000 })
    backlog.hold({ cursor: 3 })
    backlog.push(frames([1, 1, 1, 1, 4]))
    expect(backlog.after).toBe(1)
    expect(positionsAfter(backlog, 1)).toEqual([4])
  })
})
