import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { parsePosition } from "../../../src/cli/commands/Tail.ts"
import { Position } from "../../../src/domain/Event.ts"

describe("parsePosition", () => {
  const Epoch = Schema.String.check(Schema.isPattern(/^[a-f0-9:-]{1,20}$/))
  const Written = Schema.Struct({ ...Position.fields, epoch: Epoch })

  it.prop("A printed position parses to the same position.", [Written], ([position]) => {
    expect(parsePosition(`${position.epoch}:${position.seq}`)).toEqual(position)
  })

  it.each(["", "12", ":12", "epoch", "epoch:", "epoch:-1", "epoch:1.5"])("The text %j is no position.", (text) => {
    expect(parsePosition(text)).toBeUndefined()
  })
})
