/**
 * Presence: the entries of clients with their descriptions, in the published form.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { hostname, platform } from "node:os"
import { expectValid } from "../../../support/OpenClaw.ts"
import { enter, enterAs, TestDevice } from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import { connect } from "../../../support/TestSocket.ts"

const phone = {
  id: "openclaw-ios",
  displayName: "Ada's phone",
  version: "2026.9.1",
  platform: "ios 19",
  deviceFamily: "iPhone",
  modelIdentifier: "iPhone17,1",
  timeZone: "Europe/Berlin",
  mode: "ui",
  instanceId: "phone-1",
}

describe("Presence", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("An entry has the description of its client, and the gateway's entry has its machine.", () =>
      Effect.gen(function* () {
        const device = new TestDevice()
        const { answer } = yield* enterAs(device, { client: phone, scopes: ["operator.read"] })
        const entries: ReadonlyArray<any> = answer.payload.snapshot.presence
        for (const entry of entries) expectValid("PresenceEntry", entry)
        const { id: _id, displayName, ...description } = phone
        expect(entries.find(({ host }) => host === displayName)).toEqual({
          ...description,
          host: displayName,
          deviceId: device.id,
          reason: "connect",
          roles: ["operator"],
          scopes: ["operator.read"],
          text: "Node: Ada's phone · mode ui",
          onlineSince: expect.any(Number),
          ts: expect.any(Number),
        })
        expect(entries[0]).toMatchObject({
          host: hostname(),
          platform: expect.stringContaining(platform()),
          mode: "gateway",
          reason: "self",
          instanceId: answer.payload.server.bootId,
        })
      }),
    )

    it.effect("A node is identified by its device, and a client without a description by its wire.", () =>
      Effect.gen(function* () {
        const { token, wsUrl } = yield* TestGateway.TestGateway
        const node = new TestDevice()
        const client = { id: "node-host", version: "1", platform: "linux", mode: "node", instanceId: "n" }
        yield* enterAs(node, { client, role: "node", scopes: [] })
        yield* connect(`${wsUrl}/jsonrpc?token=${token}`)
        const { client: reader } = yield* enter()
        const { payload } = yield* reader.ask("system-presence")
        for (const entry of payload) expectValid("PresenceEntry", entry)
        expect(payload.find(({ roles }: any) => roles?.[0] === "node")).toMatchObject({
          host: "node-host",
          instanceId: node.id,
          deviceId: node.id,
          scopes: [],
        })
        expect(payload.find(({ mode }: any) => mode === "json-rpc")).toMatchObject({ host: "json-rpc" })
      }),
    )

    it.effect("An entry cuts long descriptions and leaves out empty ones.", () =>
      Effect.gen(function* () {
        const client = { id: "x".repeat(5_000), version: " ", platform: `${"y".repeat(95)}😀z`, mode: null }
        const { hello } = yield* enter({ client })
        const entry = hello.snapshot.presence.at(-1)
        expectValid("PresenceEntry", entry)
        expect(entry.host).toBe("x".repeat(96))
        // The cut does not split the last character.
        expect(entry.platform).toBe("y".repeat(95))
        expect(entry.mode).toBe("openclaw")
        expect("version" in entry).toBe(false)
      }),
    )
  })
})
