import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { eventLine } from "../../../src/cli/terminal/EventLine.ts"
import * as Output from "../../../src/cli/terminal/Output.ts"
import { GatewayEvent } from "../../../src/domain/Event.ts"
import { captured } from "../../support/CapturedWriter.ts"

const UNSAFE = /(?!\n|\t)[\p{Cc}\p{Bidi_Control}\p{Cs}\u2028\u2029]/u

describe("eventLine", () => {
  it.prop("An event has one line; a delta has no line.", [GatewayEvent], ([event]) => {
    const page = eventLine(0, event)
    if (/Delta|ToolUpdated/.test(event._tag)) return expect(page).toBeUndefined()
    const { stdout } = Effect.runSync(captured(Output.print(page ?? ""), false))
    expect(stdout).toMatch(/^\S[^\n]* {2}[^\n]+\n$/)
  })

  it.prop("No event line contains a character that controls the terminal.", [GatewayEvent], ([event]) => {
    const page = eventLine(0, event)
    if (page !== undefined) expect(Effect.runSync(captured(Output.print(page), true)).stdout).not.toMatch(UNSAFE)
  })
})
