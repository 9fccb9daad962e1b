/** Frames: reading and writing, checked against the reference packages and on generated texts. */
import { describe, expect, it } from "@effect/vitest"
import { isGatewayEventFrame, isGatewayResponseFrame } from "@openclaw/gateway-protocol/frame-guards"
import { validateRequestFrame } from "@openclaw/gateway-protocol"
import * as Schema from "effect/Schema"
import { textFrame } from "../../../../src/transport/connection/WebSocketFrames.ts"
import { readConnect } from "../../../../src/transport/openclaw/handshake/Connect.ts"
import {
  numberEvents,
  readFrame,
  withPosition,
  writeError,
  writeEvent,
  writeResult,
} from "../../../../src/transport/openclaw/wire/Frames.ts"
import { readHandshake } from "../../../../src/transport/openclaw/handshake/Handshake.ts"
import connects from "../../../fixtures/openclaw/connects.json" with { type: "json" }

const facts = { nonce: "n", now: 0, strict: false, originAllowed: true, stopping: false }

/** Small JSON values, some of them valid as members of frames. */
const Loose = Schema.Union([Schema.Null, Schema.Boolean, Schema.Finite, Schema.String])
const Near = Schema.Struct({
  type: Schema.optionalKey(Schema.Union([Schema.Literal("req"), Loose])),
  id: Schema.optionalKey(Loose),
  method: Schema.optionalKey(Schema.Union([Schema.Literal("connect"), Loose])),
  params: Schema.optionalKey(
    Schema.Union([
      Loose,
      Schema.Struct({
        minProtocol: Schema.optionalKey(Loose),
        maxProtocol: Schema.optionalKey(Schema.Union([Schema.Literals([3, 4]), Loose])),
        client: Schema.optionalKey(Schema.Union([Loose, Schema.Struct({ id: Loose, mode: Loose })])),
        role: Schema.optionalKey(Loose),
        scopes: Schema.optionalKey(Schema.Union([Loose, Schema.Array(Loose)])),
        auth: Schema.optionalKey(Schema.Union([Loose, Schema.Struct({ token: Loose, deviceToken: Loose })])),
        device: Schema.optionalKey(Schema.Union([Loose, Schema.Struct({ id: Loose, publicKey: Loose, nonce: Loose })])),
        resume: Schema.optionalKey(Schema.Union([Loose, Schema.Struct({ epoch: Loose, seq: Loose })])),
      }),
    ]),
  ),
  extra: Schema.optionalKey(Loose),
})

describe("Reading frames", () => {
  it.prop("Every text is a request, invalid or malformed.", [Schema.String], ([text]) => {
    expect(["Request", "Invalid", "Malformed"]).toContain(readFrame(text, false)._tag)
    expect(["Valid", "Failed"]).toContain(readHandshake(text, facts)._tag)
  })

  it.prop("A near miss of `connect` fails with a close reason.", [Near], ([near]) => {
    const handshake = readHandshake(JSON.stringify(near), facts)
    if (handshake._tag === "Failed") {
      expect(handshake.failure.close.reason).not.toBe("")
      expect(handshake.failure.close.code).toBeGreaterThan(1001)
    }
  })

  it.prop("The strict reader accepts exactly the frames that the published validator accepts.", [Near], ([near]) => {
    const json: unknown = JSON.parse(JSON.stringify(near))
    expect(readFrame(JSON.stringify(near), true)._tag === "Request").toBe(validateRequestFrame(json))
  })

  it.prop("The open reader accepts every frame that the strict reader accepts.", [Near], ([near]) => {
    const text = JSON.stringify(near)
    if (readFrame(text, true)._tag === "Request") expect(readFrame(text, false)._tag).toBe("Request")
  })

  for (const { name, params } of connects) {
    it(`Both readers accept the recorded connect of ${name}.`, () => {
      expect(readConnect(params, false)._tag).toBe("Success")
      expect(readConnect(params, true)._tag).toBe("Success")
    })
  }
})

describe("Writing frames", () => {
  const error = { code: "FORBIDDEN", message: "no", details: { code: "X" } }

  it("The guards of the published client accept responses and events.", () => {
    for (const flavor of [3, 4] as const) {
      expect(isGatewayResponseFrame(JSON.parse(writeResult(flavor, "1", { a: 1 })))).toBe(true)
      expect(isGatewayResponseFrame(JSON.parse(writeError(flavor, "1", error)))).toBe(true)
    }
    const event: unknown = JSON.parse(writeEvent("payload", "tick", { ts: 1 }))
    expect(isGatewayEventFrame(event)).toBe(true)
    expect(event).toEqual({ type: "event", seq: 0, event: "tick", payload: { ts: 1 } })
    expect(JSON.parse(withPosition(writeEvent("payload", "tick", {}), 7))).toMatchObject({ position: 7 })
  })

  it("Only Control Center gets `result`, `params` and numbers as error codes.", () => {
    expect(JSON.parse(writeResult("control-center", "1", null))).toEqual({ type: "res", id: "1", ok: true, result: {} })
    expect(JSON.parse(writeError("control-center", "1", error))).toMatchObject({ error: { code: 403, message: "no" } })
    expect(JSON.parse(writeEvent("params", "tick", {}))).toEqual({ type: "event", seq: 0, event: "tick", params: {} })
    for (const flavor of [3, 4] as const) {
      expect(Object.keys(JSON.parse(writeResult(flavor, "1", {})))).toEqual(["type", "id", "ok", "payload"])
    }
  })

  it("Numbering copies of shared frames changes nothing but `seq`.", () => {
    const texts = [0, 1, 100, 125, 126, 65_000, 70_000].map((length) => writeEvent("payload", "e", "é".repeat(length)))
    const frames = Buffer.concat(texts.map(textFrame))
    for (const first of [1, 9_999_999_999 - texts.length]) {
      const copy = Buffer.from(frames)
      expect(numberEvents(copy, 0, copy.length, first)).toBe(first + texts.length)
      let offset = 0
      texts.forEach((text, i) => {
        const length = textFrame(text).length
        const payload = copy.subarray(offset + length - Buffer.byteLength(text), offset + length)
        expect(JSON.parse(payload.toString())).toEqual({ ...JSON.parse(text), seq: first + i })
        offset += length
      })
    }
  })
})
