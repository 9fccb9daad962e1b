import { describe, expect, it } from "@effect/vitest"
import { LogThrottle } from "../../../src/transport/connection/LogThrottle.ts"

const MINUTE = 60_000

describe("LogThrottle", () => {
  it("A source and reason get one line a minute, and the next minute reports the suppressed lines.", () => {
    const throttle = new LogThrottle()
    expect(throttle.take("a", "no credential", 0)).toEqual({ isLogged: true, suppressed: 0 })
    expect(throttle.take("a", "no credential", 1)).toEqual({ isLogged: false, suppressed: 0 })
    expect(throttle.take("a", "foreign page", 2)).toEqual({ isLogged: true, suppressed: 0 })
    expect(throttle.take("b", "no credential", 3)).toEqual({ isLogged: true, suppressed: 0 })
    expect(throttle.take("a", "no credential", MINUTE)).toEqual({ isLogged: true, suppressed: 1 })
    expect(throttle.take("b", "no credential", MINUTE)).toEqual({ isLogged: true, suppressed: 0 })
  })

  it("A source with ever new reasons gets ten lines.", () => {
    const throttle = new LogThrottle()
    const lines = Array.from({ length: 1_000 }, (_, i) => throttle.take("a", `reason ${i}`, i))
    expect(lines.filter(({ isLogged }) => isLogged)).toHaveLength(10)
    expect(throttle.take("b", "reason", 1_000).isLogged).toBe(true)
  })

  it("Ever new sources get a hundred lines together.", () => {
    const throttle = new LogThrottle()
    const lines = Array.from({ length: 1_000 }, (_, i) => throttle.take(`source ${i}`, "reason", i))
    expect(lines.filter(({ isLogged }) => isLogged)).toHaveLength(100)
    expect(throttle.take("a", "reason", MINUTE)).toEqual({ isLogged: true, suppressed: 900 })
  })
})
