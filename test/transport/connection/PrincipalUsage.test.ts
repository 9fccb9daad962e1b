/** PrincipalUsage: the limits of one principal over all its connections and requests. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { defaultLimits } from "../../../src/domain/Limits.ts"
import { Batch, HELD_CHARS } from "../../../src/transport/json-rpc/Batch.ts"
import { Usage } from "../../../src/transport/connection/PrincipalUsage.ts"
import { type JsonRpcClient, open } from "../../support/JsonRpcClient.ts"
import * as MissionClient from "../../support/MissionClient.ts"
import { enter, type OpenClawClient } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { connect } from "../../support/TestSocket.ts"

const DOCUMENT = "2026-09-01"

const get = (path: string) =>
  Effect.flatMap(TestGateway.TestGateway, ({ token, url }) =>
    Effect.promise(() => fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}` } })),
  )

const post = (method: string, params: unknown) =>
  Effect.flatMap(TestGateway.TestGateway, ({ token, url }) =>
    Effect.promise(async () => {
      const response = await fetch(`${url}/jsonrpc`, {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ jsonrpc: "2.0", id: 1, method, params }),
      })
      return { status: response.status, headers: response.headers, text: await response.text() }
    }),
  )

const openRpc = Effect.gen(function* () {
  const { token, wsUrl } = yield* TestGateway.TestGateway
  const socket = yield* connect(`${wsUrl}/rpc?token=${token}`)
  let lastId = 0
  const ask = (tag: string, payload: object) =>
    Effect.suspend(() => {
      const requestId = `${++lastId}`
      socket.send(JSON.stringify({ _tag: "Request", id: requestId, tag, payload, headers: [] }))
      return socket.find((text) => {
        const message = JSON.parse(text)
        return message.requestId === requestId ? message : undefined
      })
    })
  return { ask, socket }
})

const limitOf = (error: { readonly code: number; readonly data?: any } | undefined) => [error?.code, error?.data?.limit]

describe("PrincipalUsage: bytes in flight", () => {
  it.layer(TestGateway.layer({ limits: { principalBytes: 1_000_000 } }), { excludeTestServices: true })((it) => {
    it.effect(
      "The bytes of a principal are bounded on every wire while one client reads no replies, and free when it is gone.",
      () =>
        Effect.gen(function* () {
          const reader = yield* open()
          yield* reader.call("memory.write", { id: DOCUMENT, content: "x".repeat(60_000) })
          const native = yield* openRpc
          const mission = yield* MissionClient.open()
          const slow = yield* open()
          yield* slow.call("ping")
          slow.socket.stopReading()
          const full = Effect.gen(function* () {
            slow.send("memory.read", { id: DOCUMENT })
            return (yield* reader.call("ping")).error
          })
          const error = yield* Effect.repeat(full, { until: (error) => error !== undefined })
          expect(error).toEqual({
            code: -32029,
            message: "Rate limited",
            data: { _tag: "RateLimited", limit: "bytes-in-flight", retryAfterMs: 1_000 },
          })
          const exit = yield* native.ask("ping", {})
          expect(exit.exit.cause[0].error).toMatchObject({ _tag: "RateLimited", limit: "bytes-in-flight" })
          mission.send({ type: "request", resource: "status" })
          expect((yield* mission.find("error")).payload.message).toMatch(/too many|limit/i)
          const overHttp = yield* post("ping", {})
          expect([overHttp.status, overHttp.headers.get("retry-after")]).toEqual([429, "1"])
          expect(JSON.parse(overHttp.text)).toEqual({
            error: "too many unread bytes of this principal are in flight",
          })
          expect((yield* get("/api/files")).status).toBe(429)
          slow.socket.cut()
          yield* Effect.repeat(reader.call("ping"), { until: ({ error }) => error === undefined })
          expect((yield* get("/api/files")).status).toBe(200)
        }),
    )

    it.effect("A client that reads gets a large reply.", () =>
      Effect.gen(function* () {
        const reader = yield* open()
        yield* reader.call("memory.write", { id: DOCUMENT, content: "\u0001".repeat(300_000) })
        for (let i = 0; i < 5; i++) {
          const { result } = yield* reader.call("memory.read", { id: DOCUMENT })
          expect(result.content).toHaveLength(300_000)
        }
        const { status } = yield* post("memory.read", { id: DOCUMENT })
        expect(status).toBe(200)
      }),
    )
  })
})

describe("PrincipalUsage: calls, subscriptions and requests", () => {
  const limits = { principalCalls: 3, principalSubscriptions: 2, principalRequests: 2 }
  it.layer(TestGateway.layer({ limits }), { excludeTestServices: true })((it) => {
    const wait = { runId: "", timeoutMs: 60_000 }

    it.effect("Calls are bounded over all connections of a principal, and free when a connection ends.", () =>
      Effect.gen(function* () {
        const [first, second] = [yield* open(), yield* open()]
        const { result } = yield* first.call("chat.send", { text: "/slow 600000 on", sessionKey: "slow" })
        const running = { ...wait, runId: result.runId }
        first.send("runs.wait", running)
        first.send("runs.wait", running)
        const cancelled = first.send("runs.wait", running)
        yield* first.call("$/cancel", { id: 0 })
        expect(limitOf((yield* second.call("ping")).error)).toEqual([-32029, "principal-calls"])
        const native = yield* openRpc
        const exit = yield* native.ask("ping", {})
        expect(exit.exit.cause[0].error).toMatchObject({ _tag: "RateLimited", limit: "principal-calls" })
        yield* first.call("$/cancel", { id: cancelled })
        yield* Effect.repeat(second.call("ping"), { until: ({ error }) => error === undefined })
        first.socket.cut()
        for (let i = 0; i < 2; i++) second.send("runs.wait", running)
        yield* Effect.repeat(second.call("ping"), { until: ({ error }) => error === undefined })
        yield* second.call("chat.abort", { sessionKey: "slow" })
      }),
    )

    it.effect("Subscriptions are bounded, and end one by one or with their connection.", () =>
      Effect.gen(function* () {
        const [first, second] = [yield* open(), yield* open()]
        const { result } = yield* first.call("events.subscribe", {})
        const native = yield* openRpc
        yield* native.ask("events.subscribe", {})
        expect(limitOf((yield* second.call("events.subscribe", {})).error)).toEqual([-32029, "subscriptions"])
        const exit = yield* native.ask("events.subscribe", {})
        expect(exit.exit.cause[0].error).toMatchObject({ _tag: "RateLimited", limit: "subscriptions" })
        yield* first.call("events.unsubscribe", result)
        expect((yield* second.call("events.subscribe", {})).result).toHaveProperty("subscription")
        native.socket.cut()
        yield* Effect.repeat(second.call("events.subscribe", {}), { until: ({ error }) => error === undefined })
        expect(limitOf((yield* first.call("events.subscribe", {})).error)).toEqual([-32029, "subscriptions"])
      }),
    )

    it.effect("Sessions that OpenClaw clients subscribe to count as subscriptions.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter({ scopes: ["operator.read"] })
        const { client: other } = yield* enter({ scopes: ["operator.read"] })
        const subscribe = (client: OpenClawClient, key: string) => client.ask("sessions.messages.subscribe", { key })
        expect((yield* subscribe(client, "a")).ok).toBe(true)
        expect((yield* subscribe(client, "b")).ok).toBe(true)
        expect((yield* subscribe(client, "b")).ok).toBe(true)
        expect((yield* subscribe(other, "c")).error).toMatchObject({ code: "UNAVAILABLE", retryable: true })
        yield* client.ask("sessions.messages.unsubscribe", { key: "a" })
        expect((yield* subscribe(other, "c")).ok).toBe(true)
        client.socket.cut()
        yield* Effect.repeat(subscribe(other, "d"), { until: ({ ok }) => ok === true })
        expect((yield* subscribe(other, "e")).ok).toBe(false)
      }),
    )

    it.effect("HTTP requests above the limit in progress get 429.", () =>
      Effect.gen(function* () {
        const client = yield* open()
        const { result } = yield* client.call("chat.send", { text: "/slow 600000 on", sessionKey: "http" })
        const waiting = post("runs.wait", { ...wait, runId: result.runId })
        yield* Effect.forkScoped(waiting)
        yield* Effect.forkScoped(waiting)
        const refused = yield* Effect.repeat(get("/api/status"), { until: ({ status }) => status === 429 })
        expect(refused.headers.get("retry-after")).toBe("1")
        yield* client.call("chat.abort", { sessionKey: "http" })
        yield* Effect.repeat(get("/api/status"), { until: ({ status }) => status === 200 })
      }),
    )
  })
})

describe("PrincipalUsage: frames on their way", () => {
  /** The header of a masked text frame of this size: the first fragment of a message unless `isLast`. */
  const header = (bytes: number, { first = true, isLast = true } = {}): Buffer => {
    const header = Buffer.alloc(14)
    header[0] = (isLast ? 0x80 : 0) | (first ? 1 : 0)
    header[1] = 0x80 | 127
    header.writeBigUInt64BE(BigInt(bytes), 2)
    return header
  }
  const limits = { frameBytes: 800_000, principalBytes: 1_000_000 }
  const FULL = { code: 1013, reason: "try again later: too many bytes of this principal are in flight" }
  /** Waits until the gateway has read the fragments of a client: it answers a ping behind them. */
  const arrived = (client: JsonRpcClient, other: JsonRpcClient) => {
    client.socket.ping("")
    return Effect.repeat(other.call("health", {}), { until: () => client.socket.pongs.length > 0 })
  }
  const authenticated = Effect.tap(open(), (client) => client.call("health", {}))

  it.layer(TestGateway.layer({ limits }), { excludeTestServices: true })((it) => {
    it.effect("A large message counts towards its principal while it is on its way, over all connections.", () =>
      Effect.gen(function* () {
        const [slow, other, late] = yield* Effect.all([authenticated, authenticated, authenticated])
        slow.socket.sendBytes(Buffer.concat([header(700_000, { isLast: false }), Buffer.alloc(700_000)]))
        yield* arrived(slow, late)
        other.socket.sendBytes(header(700_000))
        expect(yield* other.socket.closed).toMatchObject(FULL)
        // Small frames are not affected, and the room comes back with the end of the connection.
        expect((yield* late.call("health", {})).result).toBeDefined()
        slow.socket.cut()
        const whole = JSON.stringify({ jsonrpc: "2.0", id: 7, method: "no", params: { x: "x".repeat(700_000) } })
        const retry = Effect.gen(function* () {
          const client = yield* authenticated
          client.socket.send(whole)
          return yield* Effect.raceFirst(
            Effect.map(
              client.socket.find((text) => (text.includes('"id":7') ? text : undefined)),
              () => true,
            ),
            Effect.map(client.socket.closed, () => false),
          )
        })
        expect(yield* Effect.repeat(retry, { until: (isTaken) => isTaken })).toBe(true)
      }),
    )

    it.effect("The fragments of a message count together.", () =>
      Effect.gen(function* () {
        const [slow, other, late] = yield* Effect.all([authenticated, authenticated, authenticated])
        const parts = [header(400_000, { isLast: false }), header(300_000, { first: false, isLast: false })]
        slow.socket.sendBytes(Buffer.concat([parts[0]!, Buffer.alloc(400_000), parts[1]!, Buffer.alloc(300_000)]))
        yield* arrived(slow, late)
        other.socket.sendBytes(header(400_000))
        expect(yield* other.socket.closed).toMatchObject(FULL)
      }),
    )

    it.effect("A frame above the limit of frames closes the connection, and stays out of the count.", () =>
      Effect.gen(function* () {
        const [large, other] = yield* Effect.all([authenticated, authenticated])
        large.socket.sendBytes(header(800_001))
        expect(yield* large.socket.closed).toMatchObject({ code: 1009, reason: "frame too big" })
        const params = { x: "x".repeat(799_000) }
        expect((yield* other.call("no", params)).error).toMatchObject({ code: -32_601 })
      }),
    )
  })
})

describe("Usage", () => {
  const usage = () => new Usage({ ...defaultLimits, principalBytes: 1_000_000 })

  it("A principal with nothing in flight gets any reply and any call.", () => {
    expect(usage().answerRefusal(50_000_000)).toBeUndefined()
    expect(usage().callRefusal(50_000_000)).toBeUndefined()
  })

  it("Beyond the bound, large replies and all calls are refused, but no small reply.", () => {
    const full = usage()
    full.bytes = 1_000_001
    expect(full.answerRefusal(100_000)).toMatchObject({ limit: "bytes-in-flight" })
    expect(full.answerRefusal(1_000)).toBeUndefined()
    expect(full.callRefusal(1)).toMatchObject({ limit: "bytes-in-flight" })
  })
})

describe("Batch", () => {
  it("The batches of a connection hold replies up to a bound, and free it when they are complete.", () => {
    const held = { chars: 0 }
    const [first, second] = [new Batch(2, held), new Batch(2, held)]
    const half = "x".repeat(HELD_CHARS / 2)
    expect(first.put(0, half)).toBeUndefined()
    expect(second.hasRoomFor(half)).toBe(true)
    expect(second.put(0, half)).toBeUndefined()
    expect(second.hasRoomFor("x")).toBe(false)
    expect(first.put(1, "1")).toBe(`[${half},1]`)
    expect(second.hasRoomFor(half)).toBe(true)
    expect(held.chars).toBe(half.length)
  })

  it("A batch can replace its last reply.", () => {
    const batch = new Batch(1, { chars: 0 })
    expect(batch.put(0, "1")).toBe("[1]")
    expect(batch.put(0, "2")).toBe("[2]")
  })
})
