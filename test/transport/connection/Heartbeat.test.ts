import { describe, expect, it } from "@effect/vitest"
import { Heartbeat } from "../../../src/transport/connection/Heartbeat.ts"

describe("Heartbeat", () => {
  it("A client that is silent for one period gets a ping and is lost after the second.", () => {
    const heartbeat = new Heartbeat(100, 0)
    const results = [0, 25, 50, 75, 100, 125, 150, 175, 200].map((now) => heartbeat.check(0, now))
    expect(results).toEqual(["silent", "silent", "silent", "silent", "ping", "silent", "silent", "silent", "lost"])
  })

  it("Any byte is a sign of life.", () => {
    const heartbeat = new Heartbeat(100, 0)
    expect(heartbeat.check(1, 90)).toBe("alive")
    expect(heartbeat.check(1, 180)).toBe("silent")
    expect(heartbeat.check(1, 190)).toBe("ping")
    expect(heartbeat.check(2, 280)).toBe("alive")
    expect(heartbeat.check(2, 379)).toBe("silent")
    expect(heartbeat.check(2, 380)).toBe("ping")
  })

  it("No client is lost before it got a ping, because the gateway itself may have been suspended.", () => {
    const heartbeat = new Heartbeat(100, 0)
    expect(heartbeat.check(0, 10_000)).toBe("ping")
    expect(heartbeat.check(0, 10_025)).toBe("lost")
  })
})
