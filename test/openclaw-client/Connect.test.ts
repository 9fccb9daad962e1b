/** The parameters of `connect` against the published schema and this gateway's own check of a device's proof. */
import { describe, expect, it } from "@effect/vitest"
import { type ConnectFacts, connectParams } from "../../src/openclaw-client/Connect.ts"
import { DeviceKey } from "../../src/openclaw-client/DeviceKey.ts"
import { deviceProblem } from "../../src/transport/openclaw/handshake/DeviceProof.ts"
import { expectValid } from "../support/OpenClaw.ts"

const facts: ConnectFacts = {
  client: { id: "gateway-client", mode: "backend", version: "1", platform: "Linux" },
  scopes: ["operator.read", "operator.write"],
  caps: ["tool-events"],
  credential: { _tag: "Secret", token: "t", password: undefined },
  device: DeviceKey.generate(),
  resume: undefined,
  now: 1,
}

const challenge = { nonce: "nonce", ts: 1_000_000 }

describe("connectParams", () => {
  it.each([
    ["a token and a device", facts],
    ["a password", { ...facts, device: undefined, credential: { _tag: "Secret", token: undefined, password: "p" } }],
    ["a device token", { ...facts, credential: { _tag: "DeviceToken", token: "d" } }],
    ["no credential", { ...facts, device: undefined, credential: { _tag: "None" } }],
  ] satisfies ReadonlyArray<readonly [string, ConnectFacts]>)(
    "A `connect` with %s is valid in the published schema.",
    (_, facts) => {
      expectValid("ConnectParams", connectParams(facts, challenge))
    },
  )

  it.each([
    ["Secret", "t", { _tag: "Secret", token: "t", password: undefined }],
    ["DeviceToken", "d", { _tag: "DeviceToken", token: "d" }],
    ["None", "", { _tag: "None" }],
  ] as const)("A device proves its key over a request with the credential %s.", (_, token, credential) => {
    const { client, device, role, scopes } = connectParams({ ...facts, credential }, challenge)
    const signed = {
      clientId: client.id,
      clientMode: client.mode,
      role,
      scopes,
      token,
      platform: "linux",
      deviceFamily: "",
    }
    expect(deviceProblem(device!, signed, "nonce", challenge.ts + 60_000)).toBeUndefined()
    expect(deviceProblem(device!, { ...signed, scopes: [] }, "nonce", challenge.ts)).toBe("signature")
  })

  it("A device signs with the time of the challenge, whatever the clock of this machine shows.", () => {
    const { device } = connectParams({ ...facts, now: 9e15 }, challenge)
    expect(device?.signedAt).toBe(challenge.ts)
    expect(connectParams(facts, { nonce: "n" }).device?.signedAt).toBe(1)
  })

  it("`resume` is sent only to gateways that offer it, because the reference gateway refuses unknown members.", () => {
    expect(connectParams(facts, challenge)).not.toHaveProperty("resume")
    const offer = { ...challenge, capabilities: ["model-catalog-snapshot", "resume"] }
    expect(connectParams(facts, offer)).toMatchObject({ resume: true })
    const resume = { epoch: "e", seq: 7, sessions: true, messages: ["a"] }
    expect(connectParams({ ...facts, resume }, offer)).toMatchObject({ resume })
  })
})
