import { expect, layer } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { cli, failure, json } from "../../support/CommandLine.ts"
import { enterAs, fromAway, TestDevice } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

/** Connects the device from another machine and returns the id of its pairing request. */
const request = Effect.fnUntraced(function* (device: TestDevice, scopes: ReadonlyArray<string> = ["operator.read"]) {
  const { answer } = yield* enterAs(device, { scopes }, fromAway)
  return answer.error!.details.requestId as string
})

layer(TestGateway.layer(), { excludeTestServices: true })("causeway devices", (it) => {
  it.effect("The list shows the access that a device asks for, and an approval grants exactly that.", () =>
    Effect.gen(function* () {
      const phone = new TestDevice()
      const first = yield* request(phone)
      expect((yield* cli("devices", "list")).stdout).toMatch(
        new RegExp(`REASON +ASKS FOR +KEY FINGERPRINT\n${first} .* not-paired +operator operator.read +${phone.id}\n`),
      )
      const wider = yield* request(phone, ["operator.read", "operator.write"])
      expect(failure(yield* cli("devices", "approve", first)).line).toContain(
        `pairing request "${first}" was replaced by "${wider}", which asks for other access`,
      )
      expect(failure(yield* cli("devices", "approve", wider, "--scope", "operator.read")).line).toContain(
        "asks for operator.read, operator.write, not for operator.read: nothing was granted",
      )
      expect((yield* cli("devices", "approve", wider)).stdout).toBe(
        `Approved device ${phone.id} as operator with operator.read, operator.write.\n`,
      )
      yield* cli("devices", "remove", phone.id, "--yes")
    }),
  )

  it.effect("A rejected request leaves the list.", () =>
    Effect.gen(function* () {
      const device = new TestDevice()
      expect(json(yield* cli("devices", "reject", yield* request(device), "--json"))).toEqual({ deviceId: device.id })
      expect((yield* cli("devices", "list")).stdout).toBe("No devices.\n")
    }),
  )

  it.effect("A paired device stays in the list until an operator removes it with a confirmation.", () =>
    Effect.gen(function* () {
      const phone = new TestDevice()
      yield* cli("devices", "approve", yield* request(phone))
      expect((yield* cli("devices", "list")).stdout).toMatch(new RegExp(`^PAIRED.*\n${phone.id} .*operator`))
      expect(failure(yield* cli("devices", "remove", phone.id))).toMatchObject({ code: 2 })
      expect((yield* cli("devices", "remove", phone.id, "--yes")).code).toBe(0)
      expect(failure(yield* cli("devices", "remove", phone.id, "--yes")).line).toContain(`no device "${phone.id}"`)
    }),
  )
})
