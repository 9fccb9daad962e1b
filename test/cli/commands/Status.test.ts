import { expect, it, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { duration } from "../../../src/cli/terminal/Output.ts"
import { cli, json } from "../../support/CommandLine.ts"
import * as TestGateway from "../../support/TestGateway.ts"

layer(TestGateway.layer(), { excludeTestServices: true })("causeway status", (it) => {
  it.effect("The command prints health and figures, for people and for programs.", () =>
    Effect.gen(function* () {
      yield* cli("send", "hello")
      const page = yield* cli("status")
      expect(page).toMatchObject({ code: 0, stderr: "" })
      expect(page.stdout).toMatch(/^state +healthy$/m)
      expect(page.stdout).toMatch(/^sessions +1$/m)
      expect(json(yield* cli("status", "--json"))).toMatchObject({
        sessions: 1,
        agents: 1,
        connections: 1,
        health: { state: "healthy" },
      })
    }),
  )
})

it.each([
  [0, "0s"],
  [59_999, "59s"],
  [61_000, "1m 1s"],
  [3_600_000, "1h 0m 0s"],
  [90_061_000, "1d 1h 1m 1s"],
])("The duration of %i ms is %s.", (ms, text) => {
  expect(duration(ms)).toBe(text)
})
