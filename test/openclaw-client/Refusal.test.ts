import { describe, expect, it } from "@effect/vitest"
import { type Credentials, decide } from "../../src/openclaw-client/Refusal.ts"

const credentials: Credentials = { sent: "secret", hasSecret: true, hasDeviceToken: false, hasSwitched: false }
const refusal = (code: string, more: object = {}) => ({
  code: "INVALID_REQUEST",
  message: "the message",
  details: { code },
  ...more,
})

describe("decide", () => {
  it("A wrong secret is replaced by the device token once.", () => {
    const stored = { ...credentials, hasDeviceToken: true }
    expect(decide(refusal("AUTH_TOKEN_MISMATCH"), stored)).toEqual({ _tag: "Switch", to: "device-token" })
    expect(decide(refusal("AUTH_TOKEN_MISMATCH"), { ...stored, hasSwitched: true })).toMatchObject({ _tag: "Stop" })
  })

  it("A stale device token is replaced by the secret once.", () => {
    const stale = { ...credentials, sent: "device-token", hasDeviceToken: true } as const
    expect(decide(refusal("AUTH_DEVICE_TOKEN_MISMATCH"), stale)).toEqual({ _tag: "Switch", to: "secret" })
    expect(decide(refusal("AUTH_DEVICE_TOKEN_MISMATCH"), { ...stale, hasSecret: false })).toMatchObject({
      _tag: "Stop",
      code: "AUTH_DEVICE_TOKEN_MISMATCH",
    })
  })

  it("A device that needs approval waits, with the id of its request.", () => {
    const error = {
      code: "NOT_PAIRED",
      message: "pairing required",
      details: { code: "PAIRING_REQUIRED", requestId: "r" },
    }
    expect(decide(error, credentials)).toEqual({ _tag: "Pair", reason: "pairing required", requestId: "r" })
  })

  it.each(["DEVICE_AUTH_SIGNATURE_EXPIRED", "DEVICE_AUTH_NONCE_MISMATCH"])("The refusal %s is tried again.", (code) => {
    expect(decide(refusal(code), credentials)).toMatchObject({ _tag: "Retry", afterMs: 0 })
  })

  it("A rate limit is waited out.", () => {
    expect(decide(refusal("AUTH_RATE_LIMITED"), credentials)).toMatchObject({ _tag: "Retry", afterMs: 30_000 })
    expect(decide(refusal("AUTH_RATE_LIMITED", { retryAfterMs: 5 }), credentials)).toMatchObject({ afterMs: 5 })
  })

  it.each([
    "PROTOCOL_MISMATCH",
    "AUTH_TOKEN_MISMATCH",
    "DEVICE_AUTH_SIGNATURE_INVALID",
    "CONTROL_UI_ORIGIN_NOT_ALLOWED",
  ])("The refusal %s is final.", (code) => {
    expect(decide(refusal(code), credentials)).toMatchObject({ _tag: "Stop", code })
  })

  it("Details of any shape do not matter, and long messages are cut.", () => {
    for (const details of [null, "text", 7, [], { code: 7 }]) {
      const error = { code: "INVALID_REQUEST", message: "x".repeat(10_000), details }
      const decision = decide(error, credentials)
      expect(decision).toMatchObject({ _tag: "Stop", code: "INVALID_REQUEST" })
      expect(JSON.stringify(decision).length).toBeLessThan(400)
    }
  })
})
