import { describe, expect, it } from "@effect/vitest"
import type { Positioned } from "../../../src/domain/Event.ts"
import { EventRing } from "../../../src/services/events/EventRing.ts"

const event = (seq: number, id = "m"): Positioned => ({
  _tag: "Event",
  seq,
  at: 0,
  event: { _tag: "MemoryRemoved", id },
})

const all = () => true

const seqs = (ring: EventRing, cursor: number, head = 1_000, limit = 1_000) => {
  const { events, more } = ring.read(all, cursor, head, limit)
  return { seqs: events.map(({ seq }) => seq), more }
}

describe("EventRing", () => {
  it("The ring holds the newest events up to its bound, and `after` is the position before the oldest.", () => {
    const ring = new EventRing(10, 3, 1_000_000)
    expect(ring.after).toBe(10)
    for (const seq of [11, 12, 15, 20, 21]) ring.push(event(seq))
    expect(ring.after).toBe(12)
    expect(seqs(ring, 12)).toEqual({ seqs: [15, 20, 21], more: false })
  })

  it("The ring holds fewer large events, and drops an event that is larger than its bound.", () => {
    const ring = new EventRing(0, 1_000, 5_000)
    for (let seq = 1; seq <= 20; seq++) ring.push(event(seq, "x".repeat(1_000)))
    expect(seqs(ring, ring.after).seqs).toEqual([17, 18, 19, 20])
    ring.push(event(21, "x".repeat(6_000)))
    expect(ring.after).toBe(21)
    ring.push(event(22))
    expect(seqs(ring, 21).seqs).toEqual([22])
  })

  it("A read returns the events between two positions, which may belong to no event.", () => {
    const ring = new EventRing(0, 10, 1_000_000)
    for (const seq of [2, 4, 6, 8]) ring.push(event(seq))
    expect(seqs(ring, 3, 7)).toEqual({ seqs: [4, 6], more: false })
    expect(seqs(ring, 0, 8, 3)).toEqual({ seqs: [2, 4, 6], more: true })
    expect(seqs(ring, 8)).toEqual({ seqs: [], more: false })
  })
})
