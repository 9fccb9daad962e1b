import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type DeviceClaims, firstMissing, PairingReason, type PairingRequest } from "../../../src/domain/Device.ts"
import { Role, Scope } from "../../../src/domain/Principal.ts"
import { phone } from "../../support/Authentication.ts"
import { PairingRequests } from "../../../src/services/auth/PairingRequests.ts"

const claims = (deviceId: string, displayName: string | null = "Phone"): DeviceClaims => ({
  ...phone,
  deviceId,
  publicKey: `key-of-${deviceId}`,
  displayName,
  remoteAddress: "10.0.0.7",
})

const operator = (...scopes: ReadonlyArray<Scope>) => ({ role: "operator" as const, scopes })

describe("PairingRequests", () => {
  it("A device that requests more gets a new request id, and the old id leads to it.", () => {
    const requests = new PairingRequests()
    const first = requests.put(claims("d1"), operator("operator.read"), "not-paired", 0)
    const second = requests.put(claims("d1"), operator("operator.read", "operator.admin"), "not-paired", 1)
    expect(second.request.requestId).not.toBe(first.request.requestId)
    expect(second).toMatchObject({ isNew: true, superseded: first.request })
    expect(second.request.supersedes).toBe(first.request.requestId)
    expect(requests.find(first.request.requestId, 1)).toBeUndefined()
    expect(requests.successor(first.request.requestId, 1)).toEqual(second.request)
    expect(requests.all(1)).toEqual([second.request])
  })

  it("A device with another name or another reason gets a new request id.", () => {
    const requests = new PairingRequests()
    const { request } = requests.put(claims("d1"), operator("operator.read"), "not-paired", 0)
    expect(requests.put(claims("d1", "Printer"), operator("operator.read"), "not-paired", 1)).toMatchObject({
      superseded: request,
    })
    expect(requests.put(claims("d1", "Printer"), operator("operator.read"), "scope-upgrade", 1).isNew).toBe(true)
  })

  it("A device that requests as much or less keeps its request id with its newest address.", () => {
    const requests = new PairingRequests()
    const { request } = requests.put(claims("d1"), operator("operator.read", "operator.write"), "not-paired", 0)
    const moved = { ...claims("d1"), remoteAddress: "10.0.0.8" }
    for (const scopes of [["operator.write", "operator.read"], ["operator.read"]] as const) {
      const again = requests.put(moved, operator(...scopes), "not-paired", 5)
      expect(again).toEqual({
        isNew: false,
        superseded: undefined,
        request: { ...request, remoteAddress: "10.0.0.8", requestedAt: 5 },
      })
    }
  })

  it("A device that is also a node has one request for each role.", () => {
    const requests = new PairingRequests()
    const one = requests.put(claims("d1"), operator("operator.read"), "not-paired", 0)
    const other = requests.put(claims("d1"), { role: "node", scopes: [] }, "not-paired", 0)
    expect(requests.ofDevice("d1", 0)).toEqual([one.request, other.request])
  })

  it("Removing a request keeps its replacement, and restoring it replaces none.", () => {
    const requests = new PairingRequests()
    const { request: first } = requests.put(claims("d1"), operator("operator.read"), "not-paired", 0)
    const { request: second } = requests.put(claims("d1"), operator("operator.admin"), "not-paired", 0)
    requests.remove(first)
    requests.restore(first)
    expect(requests.all(0)).toEqual([second])
    requests.remove(second)
    requests.restore(second)
    expect(requests.all(0)).toEqual([second])
  })

  it("The table holds 256 requests and forgets the oldest first.", () => {
    const requests = new PairingRequests()
    for (let i = 0; i < 300; i++) requests.put(claims(`d${i}`), operator(), "not-paired", i)
    expect(requests.all(300)).toHaveLength(256)
    expect(requests.ofRole("d43", "operator", 300)).toBeUndefined()
    expect(requests.ofRole("d44", "operator", 300)).toBeDefined()
  })

  const Attempt = Schema.Struct({
    deviceId: Schema.Literals(["d1", "d2"]),
    displayName: Schema.Literals(["Phone", "Printer"]),
    role: Role,
    scopes: Schema.Array(Scope),
    reason: PairingReason,
  })

  /** The facts that an operator approves: all but the last address and time. */
  const shown = (request: PairingRequest) => ({ ...request, remoteAddress: "", requestedAt: 0 })

  it.prop(
    "A request id stands for one content, which covers all that the device requests.",
    [Schema.Array(Attempt)],
    ([attempts]) => {
      const requests = new PairingRequests()
      const seen = new Map<string, object>()
      for (const [now, { deviceId, displayName, reason, role, scopes }] of attempts.entries()) {
        const { isNew, request, superseded } = requests.put(
          claims(deviceId, displayName),
          { role, scopes },
          reason,
          now,
        )
        expect(request).toMatchObject({ deviceId, displayName, reason, role })
        expect(firstMissing(scopes, request.scopes)).toBeUndefined()
        expect(isNew).toBe(!seen.has(request.requestId))
        if (superseded !== undefined) expect(requests.find(superseded.requestId, now)).toBeUndefined()
        for (const listed of requests.all(now)) {
          expect(shown(listed)).toEqual(seen.get(listed.requestId) ?? shown(request))
          seen.set(listed.requestId, shown(listed))
        }
        expect(new Set(requests.all(now).map(({ deviceId, role }) => `${deviceId} ${role}`)).size).toBe(
          requests.all(now).length,
        )
      }
    },
  )
})
