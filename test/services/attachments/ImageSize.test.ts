import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { imageSizeOf } from "../../../src/services/attachments/ImageSize.ts"
import { png } from "../../support/Files.ts"

const types = ["image/png", "image/gif", "image/bmp", "image/jpeg", "image/webp", "application/pdf"] as const

const Byte = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 255 }))

const latin1 = (text: string) => Buffer.from(text, "latin1")

describe("ImageSize", () => {
  it.each([
    ["image/png", png(640, 480), { width: 640, height: 480 }],
    ["image/gif", latin1("GIF89a\x02\x01\x03\x00"), { width: 258, height: 3 }],
    [
      "image/jpeg",
      // A table of five bytes comes before the frame.
      latin1("\xff\xd8\xff\xdb\0\x05abc\xff\xc0\0\x11\x08\x01\x02\x03\x04\x03\x01\x22\0\0\0\0\0"),
      { height: 258, width: 772 },
    ],
    ["image/webp", latin1("RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x13\0\0"), { width: 10, height: 20 }],
    ["image/webp", latin1("RIFF\0\0\0\0WEBPVP8L\0\0\0\0\x2f\x01\x80\0\0"), { width: 2, height: 3 }],
  ])("The header of an %s shows its size.", (type, bytes, size) => {
    expect(imageSizeOf(type, bytes)).toEqual(size)
  })

  it.prop(
    "Any bytes have a size or none: nothing throws or loops.",
    [
      Schema.Literals(types),
      Schema.Array(Byte),
      Schema.Literals(["", "\xff\xd8", "RIFF    WEBPVP8X", "\xff\xd8\xff\xe0\0\0"]),
    ],
    ([type, bytes, start]) => {
      const size = imageSizeOf(type, Buffer.concat([latin1(start), Buffer.from(bytes)]))
      expect(size === undefined || (size.width >= 0 && size.height >= 0)).toBe(true)
    },
  )
})
