import { expect, it } from "@effect/vitest"
import { duration } from "../../../src/cli/commands/Status.ts"

it.each([
  [0, "0s"],
  [59_999, "59s"],
  [61_000, "1m 1s"],
  [3_600_000, "1h 0m 0s"],
  [90_061_000, "1d 1h 1m 1s"],
])("%i ms is %s", (ms, text) => {
  expect(duration(ms)).toBe(text)
})
