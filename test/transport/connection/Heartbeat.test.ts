import { describe, expect, it } from "@effect/vitest"
import { Heartbeat } from "../../../src/transport/connection/Heartbeat.ts"

describe("a heartbeat", () => {
  it("asks a client that is silent for a period, and gives it up after a second one", () => {
    const heartbeat = new Heartbeat(100, 0)
    const looks = [0, 25, 50, 75, 100, 125, 150, 175, 200].map((now) => heartbeat.check(0, now))
    expect(looks).toEqual(["silent", "silent", "silent", "silent", "ping", "silent", "silent", "silent", "lost"])
  })

  it("takes any byte for a sign of life", () => {
    const heartbeat = new Heartbeat(100, 0)
    expect(heartbeat.check(1, 90)).toBe("alive")
    expect(heartbeat.check(1, 180)).toBe("silent")
    expect(heartbeat.check(1, 190)).toBe("ping")
    expect(heartbeat.check(2, 280)).toBe("alive")
    expect(heartbeat.check(2, 379)).toBe("silent")
    expect(heartbeat.check(2, 380)).toBe("ping")
  })

  it("gives nobody up without having asked: it is the gateway that may have been asleep", () => {
    const heartbeat = new Heartbeat(100, 0)
    expect(heartbeat.check(0, 10_000)).toBe("ping")
    expect(heartbeat.check(0, 10_025)).toBe("lost")
  })
})
