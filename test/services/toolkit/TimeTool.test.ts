import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as TestClock from "effect/testing/TestClock"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as TimeTool from "../../../src/services/toolkit/TimeTool.ts"
import { Tools } from "../../../src/services/tools/Tools.ts"
import { callTool, useTool } from "../../support/ToolCalls.ts"

const layer = TimeTool.layer.pipe(Layer.provideMerge(Tools.layer), Layer.provide(GatewayConfig.layer({})))

describe("time", () => {
  it.effect("The result is the time in the wanted zone.", () =>
    Effect.gen(function* () {
      yield* TestClock.setTime(Date.UTC(2026, 0, 2, 3, 4, 5))
      expect(yield* useTool("time", { timeZone: "Europe/Berlin" })).toEqual({
        iso: "2026-01-02T03:04:05.000Z",
        local: "Friday, 2 January 2026 at 04:04:05 CET",
        timeZone: "Europe/Berlin",
      })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("An unknown zone is a failure that says what a zone is.", () =>
    Effect.gen(function* () {
      expect((yield* callTool("time", { timeZone: "Mars/Base" })).text).toContain('no time zone "Mars/Base"')
    }).pipe(Effect.provide(layer)),
  )
})
