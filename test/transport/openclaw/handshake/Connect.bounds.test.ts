/**
 * Connect: the bounds of its fields. The gateway cuts or refuses a field that is too long, so a client cannot make lists
 * unreadable for others.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayClient } from "../../../../src/client/GatewayClient.ts"
import { ID_CHARS, LIST_ITEMS, NAME_CHARS, SECRET_CHARS, SESSION_KEY_CHARS } from "../../../../src/domain/Bounds.ts"
import { Tx } from "../../../../src/services/storage/Tx.ts"
import { Events } from "../../../../src/services/events/Events.ts"
import { Sqlite } from "../../../../src/services/storage/sqlite/Sqlite.ts"
import { Open } from "../../../../src/transport/openclaw/handshake/Connect.ts"
import { connectParams, enter, enterAs, fromAway, open, TestDevice } from "../../../support/OpenClawClient.ts"
import * as TestGateway from "../../../support/TestGateway.ts"
import { connect } from "../../../support/TestSocket.ts"
import { unbounded } from "../../../support/Unbounded.ts"

const text = (chars: number) => "x".repeat(chars)
const texts = (items: number, chars = 1) => Array.from({ length: items }, () => text(chars))

/** The fields that lists cut. */
const described = [
  "version",
  "platform",
  "mode",
  "displayName",
  "deviceFamily",
  "modelIdentifier",
  "timeZone",
  "instanceId",
] as const

const client = (more: object) => ({ client: { id: "test", version: "1", platform: "linux", mode: "test", ...more } })
const resume = (more: object) => ({ resume: { epoch: "e", seq: 0, ...more } })
const secrets = ["token", "password", "deviceToken", "bootstrapToken"]
const proof = { id: "i", publicKey: "k", signature: "s", signedAt: 0, nonce: "n" }

/** One item or character more than each bound, with the path that the error names. */
const tooLong: ReadonlyArray<readonly [path: string, params: object]> = [
  ["/client/id", client({ id: text(8_193) })],
  ...described.map((name) => [`/client/${name}`, client({ [name]: text(8_193) })] as const),
  ["/role", { role: text(NAME_CHARS + 1) }],
  ["/scopes", { scopes: texts(LIST_ITEMS + 1) }],
  ["/scopes/0", { scopes: texts(1, NAME_CHARS + 1) }],
  ["/caps", { caps: texts(LIST_ITEMS + 1) }],
  ["/caps/0", { caps: texts(1, NAME_CHARS + 1) }],
  ...secrets.map((name) => [`/auth/${name}`, { auth: { [name]: text(SECRET_CHARS + 1) } }] as const),
  ...["id", "publicKey", "signature", "nonce"].map(
    (name) => [`/device/${name}`, { device: { ...proof, [name]: text(ID_CHARS + 1) } }] as const,
  ),
  ["/resume", resume({ epoch: text(ID_CHARS + 1) })],
  ["/resume", resume({ messages: texts(LIST_ITEMS + 1) })],
  ["/resume", resume({ messages: texts(1, SESSION_KEY_CHARS + 1) })],
]

/** Reads every list of clients and devices, on two wires. */
const lists = Effect.gen(function* () {
  const { client } = yield* enter()
  for (const method of ["system-presence", "device.pair.list", "node.list"]) {
    expect(yield* client.ask(method)).toMatchObject({ ok: true })
  }
  const { calls } = yield* GatewayClient
  yield* calls["presence.list"]({})
  yield* calls["connections.list"]({})
  return yield* calls["devices.list"]({})
})

const layer = TestGateway.client.pipe(Layer.provideMerge(TestGateway.layer()))

describe("Connect", () => {
  it("Every text and every list of connect has a bound.", () => {
    expect(unbounded(Open)).toEqual([])
  })

  it.layer(layer, { excludeTestServices: true })((it) => {
    it.effect("A field that is too long fails with a short error that names it.", () =>
      Effect.gen(function* () {
        for (const [path, params] of tooLong) {
          const client = yield* open()
          const { error } = yield* client.connect(yield* connectParams(params))
          expect(error?.message, path).toContain(`invalid connect params: at ${path}`)
          expect(error?.message.length, path).toBeLessThan(600)
          expect((yield* client.socket.closed).code).toBe(1008)
        }
      }),
    )

    it.effect("A device with a long description is paired, and every list shows a short text.", () =>
      Effect.gen(function* () {
        for (const name of described) {
          const { answer } = yield* enterAs(new TestDevice(), client({ [name]: `${text(95)}\u{1f319}${text(8_000)}` }))
          expect(answer.ok, name).toBe(true)
        }
        const { devices } = yield* lists
        expect(devices).toHaveLength(described.length)
        for (const { clientMode, deviceFamily, displayName, platform } of devices) {
          for (const shown of [clientMode, deviceFamily, displayName, platform]) {
            expect(shown === null || shown.length <= 96, String(shown)).toBe(true)
          }
        }
      }),
    )

    it.effect("A device that waits for approval is listed with a short text.", () =>
      Effect.gen(function* () {
        for (const name of described) {
          const { answer } = yield* enterAs(new TestDevice(), client({ [name]: text(8_000) }), fromAway)
          expect(answer.error?.details.code, name).toBe("PAIRING_REQUIRED")
        }
        expect((yield* lists).requests).toHaveLength(described.length)
      }),
    )
  })

  it.live("A stored device with a name beyond today's bound can still be listed.", () =>
    Effect.gen(function* () {
      yield* enterAs(new TestDevice(), client({ displayName: "old" }))
      const { db } = yield* Sqlite
      db.prepare("UPDATE devices SET display_name = ?").run(text(300))
      const events = yield* Events
      const stored = yield* events.read(Effect.flatMap(Tx, ({ devices }) => devices.all))
      expect(stored).toMatchObject([{ displayName: text(ID_CHARS) }])
    }).pipe(Effect.scoped, Effect.provide(TestGateway.layerSqlite())),
  )
})

describe("Handshakes of the other wires", () => {
  const token = text(SECRET_CHARS + 1)

  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("A token that is too long is refused and does not count as a wrong token.", () =>
      Effect.gen(function* () {
        const { wsUrl } = yield* TestGateway.TestGateway
        const exchange = Effect.fnUntraced(function* (path: string, frame: unknown, greeted = false) {
          const socket = yield* connect(`${wsUrl}${path}`)
          if (greeted) yield* socket.next
          socket.send(JSON.stringify(frame))
          const answer = yield* socket.next
          expect(answer.length).toBeLessThan(600)
          return JSON.parse(answer) as unknown
        })
        const rpc = { _tag: "Request", id: 1, tag: "authenticate", payload: { token }, headers: [] }
        expect(yield* exchange("/rpc", rpc)).toMatchObject({
          exit: { cause: [{ _tag: "Die", defect: "a token has 4096 characters at most" }] },
        })
        const jsonRpc = { jsonrpc: "2.0", id: 1, method: "authenticate", params: { token } }
        expect(yield* exchange("/jsonrpc", jsonRpc)).toMatchObject({ id: 1, error: { code: -32602 } })
        const mission = { type: "authenticate", token }
        expect(yield* exchange("/ws/mission-control", mission, true)).toMatchObject({ type: "error" })
      }),
    )

    it.effect("An id or a method that is too long is refused and not repeated in the error.", () =>
      Effect.gen(function* () {
        const { token, wsUrl } = yield* TestGateway.TestGateway
        const exchange = Effect.fnUntraced(function* (path: string, frame: unknown) {
          const socket = yield* connect(`${wsUrl}${path}?token=${token}`)
          socket.send(JSON.stringify(frame))
          const answer = yield* socket.next
          expect(answer.length).toBeLessThan(600)
          return answer
        })
        const long = text(1_000_000)
        for (const frame of [
          { _tag: "Request", id: 1, tag: long, payload: {}, headers: [] },
          { _tag: "Request", id: long, tag: "ping", payload: {}, headers: [] },
        ]) {
          expect(yield* exchange("/rpc", frame)).toContain("characters at most")
        }
        expect(yield* exchange("/jsonrpc", { jsonrpc: "2.0", id: 1, method: long })).toContain("-32600")
        expect(yield* exchange("/jsonrpc", { jsonrpc: "2.0", id: long, method: "ping" })).toContain('"id":null')

        const { client } = yield* enter()
        client.send({ type: "req", id: long, method: "ping" })
        expect((yield* client.answer("invalid")).error?.message).toBe(
          "invalid request frame: at /id: must not have more than 256 characters",
        )
        client.send({ type: "req", id: "m", method: long })
        expect((yield* client.answer("m")).error?.message).toBe(
          "invalid request frame: at /method: must not have more than 256 characters",
        )
      }),
    )
  })
})
