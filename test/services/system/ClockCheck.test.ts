import { describe, expect, it } from "@effect/vitest"
import { clockProblem } from "../../../src/services/system/ClockCheck.ts"

describe("clockProblem", () => {
  it("A clock within the tolerance is no problem, and a clock further behind is one.", () => {
    expect(clockProblem(10_000, 10_000)).toBeNull()
    expect(clockProblem(10_000, 8_000)).toBeNull()
    expect(clockProblem(0, 1_000_000)).toBeNull()
    expect(clockProblem(10_000, 7_000)).toContain("3 s behind")
  })
})
