/** Handshake: devices. Pairing, approval, device tokens, and the closes after they are revoked. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import { readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { GatewayClient } from "../../../../src/client/GatewayClient.ts"
import recorded from "../../../fixtures/openclaw/refusals.json" with { type: "json" }
import { enter, enterAs, fromAway, type OpenClawClient, TestDevice } from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const limits = { authFailureDelayMs: 1, authFailures: 1_000 }
const gateway = TestGateway.layer({ limits })
const real = { excludeTestServices: true } as const

const READ = { scopes: ["operator.read"] }

/** Pairs a local device and returns its token. */
const pair = Effect.fnUntraced(function* (device: TestDevice, more: object = READ) {
  const { answer, client } = yield* enterAs(device, more)
  expect(answer.ok, JSON.stringify(answer)).toBe(true)
  return { client, token: answer.payload.auth.deviceToken as string, auth: answer.payload.auth }
})

const byToken = (deviceToken: string, more: object = READ) => ({ ...more, auth: { deviceToken } })

const closedWith = (client: OpenClawClient) => client.socket.closed

const expectRecorded = Effect.fnUntraced(function* (
  name: string,
  { answer, client }: Effect.Success<ReturnType<typeof enterAs>>,
) {
  const { close, error } = recorded.find((one) => one.name === name)!
  expect(answer.error).toMatchObject({ ...error })
  expect(yield* closedWith(client)).toEqual(close)
})

describe("Local devices with the gateway's secret", () => {
  it.layer(
    gateway,
    real,
  )((it) => {
    it.effect(
      "A local device is paired without approval, gets its token once and returns with it in either field.",
      () =>
        Effect.gen(function* () {
          const device = new TestDevice()
          const { auth, token } = yield* pair(device)
          expect(auth).toEqual({
            method: "token",
            role: "operator",
            scopes: ["operator.read"],
            deviceToken: expect.stringMatching(/^[\w-]{43}$/),
            issuedAtMs: expect.any(Number),
          })
          for (const credentials of [{ deviceToken: token }, { token }]) {
            const { answer, client } = yield* enterAs(device, { ...READ, auth: credentials }, fromAway)
            expect(answer.payload.auth).toEqual({ ...auth, method: "device-token" })
            expect(yield* client.ask("sessions.list")).toMatchObject({ ok: true })
          }
          expect((yield* pair(device)).token).toBeUndefined()
        }),
    )

    it.effect("A device may sign like an older client.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { answer } = yield* enterAs(device, READ, {}, { version: "v2" })
        expect(answer.payload.auth.deviceToken).toBeDefined()
      }),
    )

    it.effect("A local device that requests more scopes gets them and a new token.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { token } = yield* pair(device)
        const wider = yield* pair(device, { scopes: ["operator.read", "operator.admin"] })
        expect(wider.auth.scopes).toEqual(["operator.read", "operator.admin"])
        expect(wider.token).not.toBe(token)
        expect((yield* enterAs(device, byToken(token))).answer.error?.details.code).toBe("AUTH_DEVICE_TOKEN_MISMATCH")
        expect((yield* enterAs(device, byToken(wider.token))).answer.ok).toBe(true)
      }),
    )

    it.effect("A device token does not grant more scopes: the request waits for approval and fails as recorded.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { token } = yield* pair(device)
        const wider = yield* enterAs(device, byToken(token, { scopes: ["operator.read", "operator.admin"] }))
        yield* expectRecorded("device-4-scope-upgrade-devicetoken", wider)
        const { client } = yield* enter()
        const pending = (yield* client.ask("device.pair.list")).payload.pending
        expect(pending).toMatchObject([
          { deviceId: device.id, isRepair: true, scopes: ["operator.read", "operator.admin"] },
        ])
        yield* client.ask("device.pair.approve", { requestId: pending[0].requestId })
        const again = yield* enterAs(device, byToken(token, { scopes: ["operator.read", "operator.admin"] }))
        expect(again.answer).toMatchObject({ ok: true })
      }),
    )

    it.effect("A wrong device token fails as recorded.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        yield* pair(device)
        yield* expectRecorded("device-6-bogus", yield* enterAs(device, byToken("bogus")))
        const { answer } = yield* enterAs(device, { ...READ, auth: { token: "old-secret" } })
        expect(answer.error).toMatchObject({
          details: {
            code: "AUTH_TOKEN_MISMATCH",
            canRetryWithDeviceToken: true,
            recommendedNextStep: "retry_with_device_token",
          },
        })
      }),
    )

    it.effect("A node gets a token of its role, which is not valid for an operator.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const node = {
          role: "node",
          scopes: [],
          client: { id: "node-host", version: "1", platform: "linux", mode: "node" },
        }
        const { auth, token } = yield* pair(device, node)
        expect(auth).toMatchObject({ role: "node", scopes: [] })
        expect((yield* enterAs(device, byToken(token, node))).answer.ok).toBe(true)
        expect((yield* enterAs(device, byToken(token))).answer.error?.details.code).toBe("AUTH_DEVICE_TOKEN_MISMATCH")
      }),
    )

    it.effect("The state folder does not have the token of a device.", () =>
      Effect.gen(function* () {
        const { token } = yield* pair(new TestDevice())
        const { stateDir } = yield* TestGateway.TestGateway
        const files = readdirSync(stateDir, { withFileTypes: true }).filter((file) => file.isFile())
        expect(files.length).toBeGreaterThan(1)
        for (const { name } of files) {
          expect([name, readFileSync(join(stateDir, name), "latin1").includes(token)]).toEqual([name, false])
        }
      }),
    )
  })
})

describe("Remote devices", () => {
  it.layer(
    gateway,
    real,
  )((it) => {
    it.effect("A remote device waits until an operator who may pair approves it.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { client: pairer } = yield* enter({ scopes: ["operator.read", "operator.pairing"] })
        const { client: reader } = yield* enter(READ)
        const first = yield* enterAs(device, READ, fromAway)
        const { requestId } = first.answer.error!.details
        expect(first.answer.error).toMatchObject({
          code: "NOT_PAIRED",
          message: "pairing required: device is not approved yet",
          details: { code: "PAIRING_REQUIRED", reason: "not-paired", recommendedNextStep: "wait_then_retry" },
        })
        const closed = yield* closedWith(first.client)
        expect(closed.code).toBe(1008)
        expect(closed.reason).toBe(`pairing required: device is not approved yet (requestId: ${requestId})`)

        const requested = yield* pairer.event("device.pair.requested")
        expect(requested.payload).toMatchObject({ requestId, deviceId: device.id, publicKey: device.publicKey })
        expect((yield* enterAs(device, READ, fromAway)).answer.error?.details.requestId).toBe(requestId)

        expect(yield* pairer.ask("device.pair.approve", { requestId })).toMatchObject({ ok: true })
        expect((yield* pairer.event("device.pair.resolved")).payload).toMatchObject({
          requestId,
          deviceId: device.id,
          decision: "approved",
        })
        const { answer } = yield* enterAs(device, READ, fromAway)
        const token = answer.payload.auth.deviceToken
        expect((yield* enterAs(device, byToken(token), fromAway)).answer.ok).toBe(true)
        yield* reader.ask("health")
        expect(reader.socket.rest.filter((text) => text.includes("device.pair"))).toEqual([])
      }),
    )

    it.effect("An operator can reject a device, and cannot approve scopes that the operator lacks.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { client: pairer } = yield* enter({ scopes: ["operator.pairing"] })
        const wide = yield* enterAs(device, { scopes: ["operator.admin"] }, fromAway)
        const refused = yield* pairer.ask("device.pair.approve", { requestId: wide.answer.error!.details.requestId })
        expect(refused).toMatchObject({ error: { message: "missing scope: operator.admin" } })
        const { answer } = yield* enterAs(new TestDevice(), { scopes: ["operator.pairing"] }, fromAway)
        const { requestId } = answer.error!.details
        expect(yield* pairer.ask("device.pair.reject", { requestId })).toMatchObject({ ok: true })
        expect((yield* pairer.event("device.pair.resolved")).payload).toMatchObject({ decision: "rejected" })
        expect(yield* pairer.ask("device.pair.approve", { requestId })).toMatchObject({
          ok: false,
          error: { code: "INVALID_REQUEST", details: { code: "PAIRING_NOT_FOUND" } },
        })
        expect(yield* pairer.ask("sessions.list")).toMatchObject({ error: { message: "missing scope: operator.read" } })
      }),
    )

    it.effect("An approval grants only the scopes that the operator was shown.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { client: admin } = yield* enter()
        const first = (yield* enterAs(device, READ, fromAway)).answer.error!.details.requestId
        const list = Effect.map(admin.ask("device.pair.list"), ({ payload }) =>
          payload.pending.filter(({ deviceId }: { deviceId: string }) => deviceId === device.id),
        )
        const fingerprint = createHash("sha256").update(Buffer.from(device.publicKey, "base64url")).digest("hex")
        expect(yield* list).toMatchObject([
          { requestId: first, deviceId: fingerprint, role: "operator", scopes: READ.scopes, reason: "not-paired" },
        ])
        const scopes = ["operator.read", "operator.admin"]
        const second = (yield* enterAs(device, { scopes }, fromAway)).answer.error!.details.requestId
        expect(second).not.toBe(first)
        expect((yield* admin.event("device.pair.resolved")).payload).toMatchObject({
          requestId: first,
          decision: "superseded",
        })
        expect(yield* list).toMatchObject([{ requestId: second, supersedes: first, scopes }])
        expect((yield* admin.ask("device.pair.approve", { requestId: first })).error).toMatchObject({
          code: "INVALID_REQUEST",
          details: { code: "PAIRING_NOT_FOUND", supersededBy: second },
        })
        const expecting = (expectedScopes: ReadonlyArray<string>) =>
          admin.ask("device.pair.approve", { requestId: second, expectedScopes })
        expect((yield* expecting(READ.scopes)).error?.details.code).toBe("PAIRING_SCOPES_DIFFER")
        expect((yield* expecting(["operator.future"])).error?.message).toContain("unknown scope")
        expect((yield* expecting(scopes)).payload).toMatchObject({
          requestId: second,
          device: { deviceId: device.id, scopes },
          granted: { role: "operator", scopes },
        })
      }),
    )

    it.effect("A device that requests another role or more scopes learns for which of them it waits.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        yield* pair(device)
        for (const [more, reason, closing] of [
          [{ role: "node", scopes: [] }, "role-upgrade", "role upgrade pending approval"],
          [{ scopes: ["operator.write"] }, "scope-upgrade", "scope upgrade pending approval"],
        ] as const) {
          const { answer, client } = yield* enterAs(device, more, fromAway)
          const { requestId, ...details } = answer.error!.details
          expect(details).toMatchObject({ code: "PAIRING_REQUIRED", reason })
          expect((yield* closedWith(client)).reason).toBe(`pairing required: ${closing} (requestId: ${requestId})`)
        }
      }),
    )
  })
})

describe("Revoked devices", () => {
  it.layer(
    gateway,
    real,
  )((it) => {
    it.effect("Rotating or revoking a token and removing a device close their connections.", () =>
      Effect.gen(function* () {
        const { client: admin } = yield* enter()
        const device = new TestDevice()
        const { token } = yield* pair(device)
        const first = (yield* enterAs(device, byToken(token))).client
        const rotated = yield* admin.ask("device.token.rotate", { deviceId: device.id, role: "operator" })
        expect(yield* closedWith(first)).toEqual({ code: 4001, reason: "client invalidated: device token rotated" })
        expect((yield* enterAs(device, byToken(token))).answer.ok).toBe(false)

        const second = yield* enterAs(device, byToken(rotated.payload.token))
        expect(second.answer.ok).toBe(true)
        yield* admin.ask("device.token.revoke", { deviceId: device.id, role: "operator" })
        expect(yield* closedWith(second.client)).toEqual({
          code: 4001,
          reason: "client invalidated: device token revoked",
        })

        const { client: third } = yield* pair(device)
        yield* admin.ask("device.pair.remove", { deviceId: device.id })
        expect(yield* closedWith(third)).toEqual({ code: 4001, reason: "client invalidated: device removed" })
        expect((yield* enterAs(device, READ, fromAway)).answer.error?.details.reason).toBe("not-paired")
        expect((yield* admin.ask("health")).ok).toBe(true)
      }),
    )

    it.effect("A device that rotates its own token stays connected and gets the new token.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { client } = yield* pair(device, { scopes: ["operator.pairing"] })
        const rotated = yield* client.ask("device.token.rotate", { deviceId: device.id, role: "operator" })
        expect(rotated.payload.token).toMatch(/^[\w-]{43}$/)
        expect((yield* client.ask("health")).ok).toBe(true)
      }),
    )
  })
})

describe("Devices on a locked-out network", () => {
  it.layer(
    TestGateway.layer({ limits: { ...limits, authFailures: 1 } }),
    real,
  )((it) => {
    it.effect("A device with an outdated secret learns to use its own token, which is accepted.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { token } = yield* pair(device)
        yield* enterAs(device, { ...READ, auth: { token: "old-secret" } })
        const locked = yield* enterAs(device, { ...READ, auth: { token: "old-secret" } })
        expect(locked.answer.error).toMatchObject({
          retryable: true,
          details: {
            code: "AUTH_RATE_LIMITED",
            canRetryWithDeviceToken: true,
            recommendedNextStep: "retry_with_device_token",
          },
        })
        for (const auth of [{ deviceToken: token }, { token }, { token: "old-secret", deviceToken: token }]) {
          expect((yield* enterAs(device, { ...READ, auth })).answer).toMatchObject({ ok: true })
        }
      }),
    )
  })
})

describe("Operators with `operator.pairing` alone", () => {
  it.layer(
    gateway,
    real,
  )((it) => {
    it.effect("An operator with `operator.pairing` alone cannot change an admin's device, but can reject a node.", () =>
      Effect.gen(function* () {
        const admin = new TestDevice()
        const { client: adminClient } = yield* pair(admin, { scopes: ["operator.admin"] })
        const { client: pairer } = yield* enter({ scopes: ["operator.pairing"] })
        const upgrade = new TestDevice()
        const waitingAdmin = yield* enterAs(upgrade, { scopes: ["operator.admin"] }, fromAway)
        const { requestId } = waitingAdmin.answer.error!.details
        const { id: deviceId } = admin
        for (const [method, params] of [
          ["device.pair.approve", { requestId }],
          ["device.pair.reject", { requestId }],
          ["device.pair.remove", { deviceId }],
          ["device.token.rotate", { deviceId, role: "operator" }],
          ["device.token.rotate", { deviceId, role: "operator", scopes: [] }],
          ["device.token.revoke", { deviceId, role: "operator" }],
        ] as const) {
          expect([method, (yield* pairer.ask(method, params)).error]).toMatchObject([
            method,
            { code: "FORBIDDEN", message: "missing scope: operator.admin" },
          ])
        }
        expect(yield* adminClient.ask("sessions.list")).toMatchObject({ ok: true })
        const node = new TestDevice()
        const waiting = yield* enterAs(node, { role: "node", scopes: [] }, fromAway)
        expect(
          yield* pairer.ask("device.pair.reject", { requestId: waiting.answer.error!.details.requestId }),
        ).toMatchObject({ ok: true })
      }),
    )

    it.effect("A role that does not exist is refused, and no other role's token is taken instead.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { token } = yield* pair(device)
        const { client } = yield* enter()
        for (const method of ["device.token.rotate", "device.token.revoke"]) {
          const { error } = yield* client.ask(method, { deviceId: device.id, role: "viewer" })
          expect(error?.message).toContain("role must be operator or node")
        }
        expect((yield* enterAs(device, byToken(token))).answer.ok).toBe(true)
      }),
    )
  })
})

describe("Devices on other wires", () => {
  it.layer(
    gateway,
    real,
  )((it) => {
    it.effect("The typed client has the methods of devices with the same scopes.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        yield* enterAs(device, READ, fromAway)
        yield* Effect.gen(function* () {
          const client = yield* GatewayClient
          const { requests } = yield* client.calls["devices.list"]({})
          const request = requests.find(({ deviceId }) => deviceId === device.id)!
          const expectedScopes = ["operator.read"] as const
          const approved = yield* client.calls["devices.approve"]({ requestId: request.requestId, expectedScopes })
          expect(approved).toMatchObject({
            deviceId: device.id,
            granted: { role: "operator", scopes: ["operator.read"] },
            grants: [{ role: "operator", scopes: ["operator.read"] }],
          })
        }).pipe(Effect.provide(TestGateway.client))
        expect((yield* enterAs(device, READ, fromAway)).answer.ok).toBe(true)
      }),
    )
  })
})
