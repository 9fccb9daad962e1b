import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { defaultLimits } from "../../../src/domain/Limits.ts"
import { AdmissionControl } from "../../../src/transport/connection/AdmissionControl.ts"

const control = (limits: Partial<typeof defaultLimits>) => new AdmissionControl({ ...defaultLimits, ...limits })

describe("AdmissionControl", () => {
  it("Half of the connections is reserved for clients that have authenticated.", () => {
    const admissions = control({ connections: 10, unauthenticatedPerAddress: 10 })
    for (let i = 0; i < 5; i++) expect(admissions.admit("198.51.100.1", false)).toBe("admitted")
    expect(admissions.admit("198.51.100.2", false)).toBe("full")
    admissions.leave("198.51.100.1", false)
    expect(admissions.admit("198.51.100.2", false)).toBe("admitted")
  })

  it("One stranger is admitted, however low the limit of connections is.", () => {
    expect(control({ connections: 1 }).admit("198.51.100.1", false)).toBe("admitted")
  })

  it("Few foreign pages are admitted at once, and none counts against programs at the same address.", () => {
    const admissions = control({ unauthenticatedPerAddress: 1 })
    const answers = Array.from({ length: 40 }, () => admissions.admit("127.0.0.1", true))
    expect(answers.filter((answer) => answer === "admitted")).toHaveLength(8)
    expect(answers.at(-1)).toBe("too-many-foreign")
    expect(admissions.foreign).toBe(8)
    expect(admissions.admit("127.0.0.1", false)).toBe("admitted")
    expect(admissions.admit("127.0.0.1", false)).toBe("too-many-unauthenticated")
  })

  it.prop(
    "Strangers that leave free their places, and the limit of strangers is never exceeded.",
    [Schema.Array(Schema.Struct({ address: Schema.Literals([0, 1, 2, 3, 4, 5]), isForeign: Schema.Boolean }))],
    ([visits]) => {
      const admissions = control({ connections: 8, unauthenticatedPerAddress: 2 })
      const admit = (address: number, isForeign: boolean) => admissions.admit(`10.0.0.${address}`, isForeign)
      const here = visits.filter(({ address, isForeign }) => admit(address, isForeign) === "admitted")
      const strangers = here.filter(({ isForeign }) => !isForeign)
      expect(strangers.length).toBeLessThanOrEqual(4)
      for (let address = 0; address <= 5; address++) {
        expect(strangers.filter((one) => one.address === address).length).toBeLessThanOrEqual(2)
      }
      for (const { address, isForeign } of here) admissions.leave(`10.0.0.${address}`, isForeign)
      expect(admissions.foreign).toBe(0)
      for (let address = 0; address < 4; address++) expect(admit(address, false)).toBe("admitted")
      expect(admit(9, false)).toBe("full")
    },
  )
})
