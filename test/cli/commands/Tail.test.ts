import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { eventLine } from "../../../src/cli/terminal/EventLine.ts"
import * as Output from "../../../src/cli/terminal/Output.ts"
import { readPosition } from "../../../src/cli/commands/Tail.ts"
import { GatewayEvent, Position } from "../../../src/domain/Event.ts"
import { captured } from "../../support/CapturedWriter.ts"

describe("a position as text", () => {
  const Epoch = Schema.String.check(Schema.isPattern(/^[a-f0-9:-]{1,20}$/))
  const Written = Schema.Struct({ ...Position.fields, epoch: Epoch })

  it.prop("is read as it was written, whatever the epoch", [Written], ([position]) => {
    expect(readPosition(`${position.epoch}:${position.seq}`)).toEqual(position)
  })

  it.each(["", "12", ":12", "epoch", "epoch:", "epoch:-1", "epoch:1.5"])("%j is none", (text) => {
    expect(readPosition(text)).toBeUndefined()
  })
})

it.prop("An event has one line, or no line.", [GatewayEvent], ([event]) => {
  const page = eventLine(0, event)
  if (/Delta|ToolUpdated/.test(event._tag)) return expect(page).toBeUndefined()
  const { stdout } = Effect.runSync(captured(Output.print(page ?? ""), false))
  expect(stdout).toMatch(/^\S[^\n]* {2}[^\n]+\n$/)
})
