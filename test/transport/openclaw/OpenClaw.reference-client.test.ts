/** OpenClaw: the published reference client, its device keys and its reconnects. */
import { describe, expect, it } from "@effect/vitest"
import { GatewayClient, type GatewayClientOptions } from "@openclaw/gateway-client"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { connect, createServer, type Server } from "node:net"
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, sign } from "node:crypto"
import { enter } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

type Hello = Parameters<NonNullable<GatewayClientOptions["onHelloOk"]>>[0]
type Event = Parameters<NonNullable<GatewayClientOptions["onEvent"]>>[0]

/** Starts a client, which stops with the scope. */
const start = Effect.fnUntraced(function* (options: GatewayClientOptions) {
  const { wsUrl } = yield* TestGateway.TestGateway
  const hello = yield* Deferred.make<Hello>()
  const problems: Array<string> = []
  const events: Array<Event> = []
  const client = new GatewayClient({
    url: wsUrl,
    minProtocol: 4,
    maxProtocol: 4,
    ...options,
    onHelloOk: (payload) => Deferred.doneUnsafe(hello, Effect.succeed(payload)),
    onConnectError: ({ message }) => problems.push(message),
    onGap: ({ expected, received }) => problems.push(`gap: ${received} instead of ${expected}`),
    onEvent: (event) => events.push(event),
  })
  yield* Effect.acquireRelease(
    Effect.sync(() => client.start()),
    () => Effect.promise(() => client.stopAndWait()),
  )
  const request = <A = any>(...args: Parameters<typeof client.request>) =>
    Effect.promise(() => client.request<A>(...args))
  return { hello: Deferred.await(hello), problems, events, request }
})

/** The host of a client: a device key and its stored tokens. */
const host = () => {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519")
  const raw = Buffer.from(publicKey.export({ format: "jwk" }).x!, "base64url")
  const tokens = new Map<string, { token: string; scopes: Array<string> }>()
  return {
    tokens,
    deviceIdentity: {
      deviceId: createHash("sha256").update(raw).digest("hex"),
      privateKeyPem: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
      publicKeyPem: publicKey.export({ type: "spki", format: "pem" }).toString(),
    },
    hostDeps: {
      signDevicePayload: (pem: string, payload: string) =>
        sign(null, Buffer.from(payload), createPrivateKey(pem)).toString("base64url"),
      publicKeyRawBase64UrlFromPem: (pem: string) => createPublicKey(pem).export({ format: "jwk" }).x!,
      loadDeviceAuthToken: ({ role }: { readonly role: string }) => tokens.get(role) ?? null,
      storeDeviceAuthToken: ({ role, scopes, token }: { role: string; scopes: Array<string>; token: string }) =>
        void tokens.set(role, { token, scopes }),
      clearDeviceAuthToken: ({ role }: { readonly role: string }) => void tokens.delete(role),
    },
  }
}

/** A proxy in front of the gateway that adds a client address, so that its clients are not local. */
const proxied = Effect.gen(function* () {
  const { port } = yield* TestGateway.TestGateway
  const server = yield* Effect.acquireRelease(
    Effect.callback<Server>((resume) => {
      const server = createServer((client) => {
        const gateway = connect(port, "127.0.0.1")
        for (const socket of [client, gateway]) socket.on("error", () => {})
        client.once("data", (head) => {
          gateway.write(head.toString("latin1").replace("\r\n", "\r\nX-Forwarded-For: 203.0.113.9\r\n"), "latin1")
          client.pipe(gateway)
        })
        gateway.pipe(client)
      })
      server.listen(0, "127.0.0.1", () => resume(Effect.succeed(server)))
    }),
    (server) => Effect.sync(() => server.close()),
  )
  const address = server.address()
  return `ws://127.0.0.1:${typeof address === "object" ? address?.port : 0}`
})

const token = TestGateway.TOKEN
const scopes = ["operator.read", "operator.write"]

describe("OpenClaw's reference client", () => {
  it.layer(TestGateway.layer({ limits: { authFailureDelayMs: 1 } }), { excludeTestServices: true })((it) => {
    it.effect("The client connects with the token, calls methods and gets events without a gap.", () =>
      Effect.gen(function* () {
        const { events, hello, problems, request } = yield* start({ token, scopes })
        expect((yield* hello).auth?.scopes).toEqual(scopes)
        expect(yield* request("agents.list", {})).toMatchObject({ agents: [{ id: "main" }] })
        yield* request("sessions.subscribe", {})
        const accepted: Array<unknown> = []
        const final = yield* request(
          "agent",
          { message: "hi", sessionKey: "main", idempotencyKey: "k" },
          { expectFinal: true, onAccepted: (payload) => accepted.push(payload) },
        )
        expect(accepted).toMatchObject([{ runId: "k", status: "accepted" }])
        expect(final).toMatchObject({ status: "ok", result: { payloads: [{ text: "echo: hi" }] } })
        expect(events.map(({ event }) => event)).toContain("agent")
        expect(problems).toEqual([])
      }),
    )

    it.effect("The client is paired, keeps its device token and reconnects with it.", () =>
      Effect.gen(function* () {
        const { tokens, ...device } = host()
        yield* (yield* start({ token, scopes, ...device })).hello
        expect(tokens.get("operator")).toMatchObject({ token: expect.any(String), scopes })
        const { hello, problems } = yield* start(device)
        expect((yield* hello).auth).toMatchObject({ scopes, deviceToken: tokens.get("operator")!.token })
        expect(problems).toEqual([])
      }),
    )

    it.effect("The client uses its device token if the gateway's token has changed.", () =>
      Effect.gen(function* () {
        const { tokens, ...device } = host()
        yield* (yield* start({ token, scopes, ...device })).hello
        const { hello } = yield* start({ token: "the-secret-of-yesterday", scopes, ...device })
        expect((yield* hello).auth?.deviceToken).toBe(tokens.get("operator")!.token)
      }),
    )

    it.effect("A remote client connects by itself once it is approved.", () =>
      Effect.gen(function* () {
        const { deviceIdentity, hostDeps } = host()
        const url = yield* proxied
        const { hello } = yield* start({ url, token, scopes, deviceIdentity, hostDeps })
        const { client: operator } = yield* enter()
        const requested = yield* Effect.repeat(operator.ask("device.pair.list"), {
          until: ({ payload }) => payload.pending.length > 0,
        })
        const [{ deviceId, requestId }] = requested.payload.pending
        expect(deviceId).toBe(deviceIdentity.deviceId)
        yield* operator.ask("device.pair.approve", { requestId })
        expect((yield* hello).auth?.deviceToken).toEqual(expect.any(String))
      }),
    )

    it.effect("The client connects as a node.", () =>
      Effect.gen(function* () {
        const { hello } = yield* start({
          token,
          role: "node",
          scopes: [],
          mode: "node",
          clientName: "node-host",
          minProtocol: 3,
          ...host(),
        })
        expect((yield* hello).auth).toMatchObject({ role: "node", scopes: [] })
      }),
    )

    it.effect("The client connects with protocol 3.", () =>
      Effect.gen(function* () {
        const { hello, request } = yield* start({ token, scopes, minProtocol: 3, maxProtocol: 3 })
        expect((yield* hello).protocol).toBe(3)
        expect(yield* request("health", {})).toMatchObject({ ok: true })
      }),
    )
  })
})
