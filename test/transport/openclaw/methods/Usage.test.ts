/**
 * Usage: token usage by day, in the form of the reference gateway.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { answer, layer } from "../../../support/OpenClaw.ts"

const nothing = {
  input: 0,
  output: 0,
  cacheRead: 0,
  cacheWrite: 0,
  totalTokens: 0,
  totalCost: 0,
  inputCost: 0,
  outputCost: 0,
  cacheReadCost: 0,
  cacheWriteCost: 0,
  missingCostEntries: 0,
}

const today = () => new Date().toISOString().slice(0, 10)

const emptyDay = (day: number) => ({
  date: new Date(Date.parse(today()) + day * 86_400_000).toISOString().slice(0, 10),
  ...nothing,
})

const send = Effect.fnUntraced(function* (sessionKey: string, message: string) {
  yield* answer("agent", { sessionKey, message, idempotencyKey: `${sessionKey} ${message}` })
})

describe("Usage", () => {
  it.live("Without usage, each day has a row of zeros.", () =>
    Effect.gen(function* () {
      const usage: any = yield* answer("usage.cost", { days: 3 })
      expect(usage).toEqual({
        updatedAt: expect.any(Number),
        days: 3,
        daily: [-2, -1, 0].map(emptyDay),
        totals: nothing,
        cacheStatus: { status: "fresh", cachedFiles: 0, pendingFiles: 0, staleFiles: 0 },
      })
      expect(((yield* answer("usage.cost")) as any).daily).toHaveLength(30)
      expect(((yield* answer("usage.cost", { range: "all" })) as any).daily).toHaveLength(366)
      const two = { startDate: "2024-02-28", endDate: "2024-03-01" }
      expect(((yield* answer("usage.cost", two)) as any).daily.map(({ date }: any) => date)).toEqual([
        "2024-02-28",
        "2024-02-29",
        "2024-03-01",
      ])
    }).pipe(Effect.provide(layer())),
  )

  it.live("Usage counts the tokens of one agent or of all agents and reports costs as missing.", () =>
    Effect.gen(function* () {
      yield* answer("agents.create", { name: "Other" })
      yield* send("agent:main:main", "one")
      yield* send("agent:other:main", "one two three")
      const used: any = yield* answer("usage.cost", { days: 1 })
      // The echo runtime counts words.
      const tokens = { input: 1, output: 2 }
      expect(used.totals).toEqual({ ...nothing, ...tokens, totalTokens: 3, missingCostEntries: 1 })
      expect(used.daily).toEqual([{ date: today(), ...used.totals }])
      const all: any = yield* answer("usage.cost", { days: 1, agentScope: "all" })
      expect(all.totals).toMatchObject({ input: 4, missingCostEntries: 2 })
      const other: any = yield* answer("usage.cost", { days: 1, agentId: "other" })
      expect(other.totals).toMatchObject({ input: 3, missingCostEntries: 1 })
      const before: any = yield* answer("usage.cost", { startDate: "2024-02-28", endDate: "2024-02-29" })
      expect(before.totals).toEqual(nothing)
    }).pipe(Effect.provide(layer())),
  )

  it.live("Invalid days are refused.", () =>
    Effect.gen(function* () {
      for (const params of [
        { startDate: "yesterday" },
        { endDate: "2024-13-01" },
        { startDate: "2024-03-02", endDate: "2024-03-01" },
      ]) {
        expect(String(yield* Effect.exit(answer("usage.cost", params)))).toContain("YYYY-MM-DD")
      }
    }).pipe(Effect.provide(layer())),
  )
})
