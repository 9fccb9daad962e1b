import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import {
  type DeviceClaims,
  DeviceGrant,
  firstMissing,
  grantOf,
  pairingNeeded,
  withGrant,
} from "../../src/domain/Device.ts"
import { phone } from "../support/Authentication.ts"
import { grants, Role, Scope } from "../../src/domain/Principal.ts"

describe("pairingNeeded", () => {
  const claims: DeviceClaims = { ...phone, remoteAddress: "10.0.0.7" }
  /** The grants of a device, at most one for each role. */
  const anyGrants = Schema.UniqueArray(DeviceGrant).check(
    Schema.makeFilter((all) => new Set(all.map(({ role }) => role)).size === all.length),
  )
  const anyAccess = Schema.Struct({ role: Role, scopes: Schema.Array(Scope) })

  it.prop("A device with a grant needs no pairing for it.", [anyGrants, anyAccess], ([grants, access]) => {
    const before = { ...claims, pairedAt: 0, grants }
    expect(pairingNeeded(withGrant(before, access), access)).toBeUndefined()
  })

  it.prop("A grant takes no scopes and no token from a device.", [anyGrants, anyAccess], ([had, access]) => {
    const before = { ...claims, pairedAt: 0, grants: had }
    const after = withGrant(before, access)
    for (const { role } of had) {
      const scopes = grantOf(before, role)!.scopes
      expect(firstMissing(scopes, grantOf(after, role)!.scopes)).toBeUndefined()
      expect(grantOf(after, role)!.issuedAt).toBe(grantOf(before, role)!.issuedAt)
    }
  })

  it.prop(
    "A device with the role needs a wider grant exactly if a scope is missing.",
    [anyGrants, anyAccess],
    ([had, access]) => {
      const grant = had.find(({ role }) => role === access.role)
      const needed = pairingNeeded({ grants: had }, access)
      if (grant === undefined) expect(needed).toBe("role-upgrade")
      else expect(needed === "scope-upgrade").toBe(access.scopes.some((scope) => !grants(grant.scopes, scope)))
    },
  )
})
