/** DeviceProof: recorded proofs of real clients, proofs of the reference client's functions, and invalid proofs. */
import { describe, expect, it } from "@effect/vitest"
import { buildDeviceAuthPayload, buildDeviceAuthPayloadV3 } from "@openclaw/gateway-client"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import type { SignedFields } from "../../../../src/domain/DeviceSignature.ts"
import { type DeviceClaim, deviceProblem } from "../../../../src/transport/openclaw/handshake/DeviceProof.ts"
import recorded from "../../../fixtures/openclaw/device-proofs.json" with { type: "json" }
import { TestDevice } from "../../../support/OpenClawClient.ts"

interface Params {
  readonly client: {
    readonly id: string
    readonly mode: string
    readonly platform: string
    readonly deviceFamily?: string
  }
  readonly role: string
  readonly scopes: ReadonlyArray<string>
  readonly auth: { readonly token?: string; readonly deviceToken?: string }
  readonly device: DeviceClaim
}

const signedOf = ({ auth, client, role, scopes }: Params): SignedFields => ({
  clientId: client.id,
  clientMode: client.mode,
  role,
  scopes,
  token: auth.token ?? auth.deviceToken ?? "",
  platform: client.platform,
  deviceFamily: client.deviceFamily ?? "",
})

const NONCE = "the-nonce"
const NOW = 1_800_000_000_000
const signed: SignedFields = {
  clientId: "cli",
  clientMode: "cli",
  role: "operator",
  scopes: ["operator.read", "operator.admin"],
  token: "a-token",
  platform: " MacOS ",
  deviceFamily: "İMac",
}
const { scopes, token, ...rest } = signed
const device = new TestDevice()

const claim = (payload: string, more: Partial<DeviceClaim> = {}): DeviceClaim => ({
  id: device.id,
  publicKey: device.publicKey,
  signature: device.sign(payload),
  signedAt: NOW,
  nonce: NONCE,
  ...more,
})

const facts = { ...rest, deviceId: device.id, scopes: [...scopes], token, nonce: NONCE, signedAtMs: NOW }
const v2 = claim(buildDeviceAuthPayload(facts))
const v3 = claim(buildDeviceAuthPayloadV3(facts))

const problem = (claimed: DeviceClaim, of: SignedFields = signed, now = NOW) => deviceProblem(claimed, of, NONCE, now)

describe("DeviceProof", () => {
  for (const { challenge, name, params } of recorded) {
    it(`The recorded proof of ${name} is valid.`, () => {
      const given = params as Params
      expect(deviceProblem(given.device, signedOf(given), challenge.nonce, challenge.ts)).toBeUndefined()
    })
  }

  it("Both versions of the reference client are valid.", () => {
    expect(problem(v2)).toBeUndefined()
    expect(problem(v3)).toBeUndefined()
  })

  it("Version 3 signs the platform, and version 2 does not.", () => {
    expect(problem(v3, { ...signed, platform: "linux" })).toBe("signature")
    expect(problem(v2, { ...signed, platform: "linux" })).toBeUndefined()
  })

  it("A proof is bound to every other signed field.", () => {
    for (const [field, value] of Object.entries({ clientId: "x", clientMode: "x", role: "node", token: "x" })) {
      expect([field, problem(v3, { ...signed, [field]: value })]).toEqual([field, "signature"])
      expect([field, problem(v2, { ...signed, [field]: value })]).toEqual([field, "signature"])
    }
    expect(problem(v3, { ...signed, scopes: scopes.toReversed() })).toBe("signature")
  })

  it("Several problems are reported in the order of the reference gateway.", () => {
    const wrong = { ...v3, id: "f".repeat(64), signedAt: 0, nonce: "", signature: "AAAA" }
    expect(problem(wrong)).toBe("id")
    expect(problem({ ...wrong, id: device.id })).toBe("stale")
    expect(problem({ ...wrong, id: device.id, signedAt: NOW })).toBe("nonce-missing")
    expect(problem({ ...wrong, id: device.id, signedAt: NOW, nonce: "other" })).toBe("nonce")
    expect(problem({ ...wrong, id: device.id, signedAt: NOW, nonce: NONCE })).toBe("signature")
  })

  it("The clock of a device may differ by two minutes.", () => {
    for (const skew of [-120_000, 120_000]) expect(problem(v3, signed, NOW + skew)).toBeUndefined()
    for (const skew of [-120_001, 120_001]) expect(problem(v3, signed, NOW + skew)).toBe("stale")
  })

  it("A key must have 32 bytes.", () => {
    const publicKey = Buffer.alloc(31, 7)
    const id = createHash("sha256").update(publicKey).digest("hex")
    expect(problem({ ...v3, id, publicKey: publicKey.toString("base64url") })).toBe("public-key")
  })

  const Claim = Schema.Struct({
    id: Schema.String,
    publicKey: Schema.String,
    signature: Schema.String,
    signedAt: Schema.Finite,
    nonce: Schema.optionalKey(Schema.String),
  })
  it.prop("Every claim has a result.", [Claim], ([given]) => {
    expect(problem({ ...v3, signature: given.signature })).toBe("signature")
    expect(["id", "stale"]).toContain(problem(given))
  })
})
