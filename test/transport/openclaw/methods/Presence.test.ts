/**
 * Presence: the entries of clients with their descriptions, in the published form, and the list in hello-ok.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { hostname, platform } from "node:os"
import type { PresenceEntry } from "../../../../src/domain/Connection.ts"
import { presenceEntries, PresenceAtHello } from "../../../../src/transport/openclaw/methods/Presence.ts"
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

describe("PresenceAtHello", () => {
  const client = (id: number): PresenceEntry => ({
    connectionId: `c${id}`,
    dialect: "openclaw",
    role: "operator",
    scopes: ["operator.read"],
    client: `client ${id}`,
    connectedAt: id,
  })
  const clients = (count: number) => Array.from({ length: count }, (_, i) => client(i))

  it("It has the gateway and every present client, in the order in which they came.", () => {
    const presence = new PresenceAtHello()
    const present = clients(3)
    const entries = JSON.parse(presence.text(() => present, 5.5))
    for (const entry of entries) expectValid("PresenceEntry", entry)
    expect(entries).toEqual(JSON.parse(JSON.stringify(presenceEntries(present, 5.5))))
    expect(entries.map(({ host }: any) => host)).toEqual([hostname(), "client 0", "client 1", "client 2"])
  })

  it("A client that has come or left since the last list is in the next one or not, at the same time.", () => {
    const presence = new PresenceAtHello()
    const hosts = (present: ReadonlyArray<PresenceEntry>) =>
      JSON.parse(presence.text(() => present, 0)).map(({ host }: any) => host)
    const [one, two, three] = clients(3)
    expect(hosts([one!, two!]).slice(1)).toEqual(["client 0", "client 1"])
    expect(hosts([two!, three!]).slice(1)).toEqual(["client 1", "client 2"])
    const again = { ...three!, client: "renamed" }
    expect(hosts([two!, again]).slice(1)).toEqual(["client 1", "renamed"])
  })

  it("It has the newest fifty clients. Beside more than 200, it is made once in 100 ms.", () => {
    const presence = new PresenceAtHello()
    let made = 0
    const present = clients(199)
    const text = (at: number) =>
      presence.text(() => {
        made++
        return present
      }, at)
    const newest = (text: string): unknown => JSON.parse(text).at(-1).host
    expect(JSON.parse(text(0))).toHaveLength(51)
    present.push(client(199))
    expect(newest(text(0))).toBe("client 199")
    present.push(client(200))
    expect(newest(text(0))).toBe("client 200")
    expect(made).toBe(3)
    present.push(client(201))
    expect(newest(text(99))).toBe("client 200")
    expect(made).toBe(3)
    expect(newest(text(100))).toBe("client 201")
    // Somebody has set the clock back.
    text(-1_000)
    expect(made).toBe(5)
  })
})

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
