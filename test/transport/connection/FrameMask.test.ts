import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { unmask } from "../../../src/transport/connection/FrameMask.ts"

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))
const Mask = Schema.Tuple([Byte, Byte, Byte, Byte])
const Offset = Schema.Literals([0, 1, 2, 3])

describe("unmask", () => {
  it.prop(
    "Each byte loses its byte of the mask, wherever the data begins.",
    [Schema.Array(Byte).check(Schema.isMinLength(3)), Mask, Offset],
    ([bytes, mask, offset]) => {
      const memory = Buffer.alloc(bytes.length + 8, 0xee)
      const data = memory.subarray(offset, offset + bytes.length)
      data.set(bytes)
      unmask(data, Uint8Array.from(mask))
      expect([...data]).toEqual(bytes.map((byte, i) => byte ^ mask[i % 4]!))
      const around = [...memory.subarray(0, offset), ...memory.subarray(offset + bytes.length)]
      expect(around.every((byte) => byte === 0xee)).toBe(true)
    },
  )
})
