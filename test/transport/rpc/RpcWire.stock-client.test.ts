/** Calls /rpc with Effect's own RPC client, without code of this project on the client's side. */
import * as NodeSocket from "@effect/platform-node/NodeSocket"
import { describe, expect, layer } from "@effect/vitest"
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import * as RpcClient from "effect/rpc/RpcClient"
import * as RpcSerialization from "effect/rpc/RpcSerialization"
import { GatewayRpcs } from "../../../src/domain/GatewayRpcs.ts"
import { ListeningAddress } from "../../../src/transport/http/GatewayServer.ts"
import { READ_TOKEN, Stub, stubGateway, TOKEN } from "../../support/StubGateway.ts"

/** Returns a client with its own connection. */
const client = Effect.fnUntraced(function* (token: string | undefined) {
  const { authority } = yield* ListeningAddress
  const query = token === undefined ? "" : `?token=${token}`
  const protocol = yield* Layer.build(
    RpcClient.layerProtocolSocket().pipe(
      Layer.provide(NodeSocket.layerWebSocket(`ws://${authority}/rpc${query}`)),
      Layer.provide(RpcSerialization.layerJson),
    ),
  )
  return yield* Effect.provideContext(RpcClient.make(GatewayRpcs), protocol)
})

describe("Effect's own RPC client", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("The client receives values and the errors of the contract.", () =>
      Effect.gen(function* () {
        const gateway = yield* client(TOKEN)
        expect((yield* gateway.ping({})).at).toBeGreaterThan(0)
        expect(yield* Effect.flip(gateway["runs.wait"]({ runId: "r1", timeoutMs: 0 }))).toMatchObject({
          _tag: "RunNotFound",
          runId: "r1",
        })
      }),
    )

    it.effect("The client authenticates by the contract's method, and its next calls succeed.", () =>
      Effect.gen(function* () {
        const gateway = yield* client(undefined)
        const [{ principal }, { at }] = yield* Effect.all([gateway.authenticate({ token: TOKEN }), gateway.ping({})], {
          concurrency: "unbounded",
        })
        expect(principal.id).toBe("operator")
        expect(at).toBeGreaterThan(0)
      }),
    )

    it.effect("The client receives refusals as errors of the contract.", () =>
      Effect.gen(function* () {
        const unauthenticated = yield* client(undefined)
        expect(yield* Effect.flip(unauthenticated.ping({}))).toMatchObject({
          _tag: "Unauthenticated",
          reason: "missing",
        })
        expect(yield* Effect.flip(unauthenticated.authenticate({ token: "wrong" }))).toMatchObject({
          _tag: "Unauthenticated",
          reason: "invalid",
        })
        const reader = yield* client(READ_TOKEN)
        expect(yield* Effect.flip(reader["connections.list"]({}))).toMatchObject({
          _tag: "Forbidden",
          missingScope: "operator.admin",
        })
      }),
    )

    it.effect("A defect fails one call with an internal error, and the other calls go on.", () =>
      Effect.gen(function* () {
        const gateway = yield* client(TOKEN)
        const other = yield* Effect.forkChild(gateway["runs.wait"]({ runId: "beside" }))
        const exit = yield* Effect.exit(gateway["sessions.list"]({}))
        expect(exit._tag === "Failure" && Cause.squash(exit.cause)).toBe("internal error")
        expect((yield* gateway.ping({})).at).toBeGreaterThan(0)
        expect(other.pollUnsafe()).toBeUndefined()
        yield* Fiber.interrupt(other)
      }),
    )

    it.effect("An interruption of the client ends the call in the gateway.", () =>
      Effect.gen(function* () {
        const { until, waiting } = yield* Stub
        const gateway = yield* client(TOKEN)
        const call = yield* Effect.forkChild(gateway["runs.wait"]({ runId: "cut short" }))
        yield* until(() => waiting.has("cut short"))
        yield* Fiber.interrupt(call)
        yield* until(() => !waiting.has("cut short"))
        expect((yield* gateway.ping({})).at).toBeGreaterThan(0)
      }),
    )

    it.effect.each([
      { name: "of many small events", total: 2_000, bytes: 1_000, pause: 100 },
      // The events before the first acknowledgement become one chunk of 4 MB.
      { name: "of large events", total: 41, bytes: 100_000, pause: 1_000 },
    ])("A stream $name loses no value on its way to the client.", ({ bytes, pause, total }) =>
      Effect.gen(function* () {
        const stub = yield* Stub
        const gateway = yield* client(TOKEN)
        const seen: Array<number> = []
        const reading = yield* Effect.forkChild(
          gateway["chat.stream"]({ text: "hello" }).pipe(
            Stream.flatMap((item) =>
              item._tag === "Event" && item.event._tag === "MemoryRemoved" ? Stream.make(item.event.id) : Stream.empty,
            ),
            Stream.take(total),
            Stream.runForEach((id) => {
              seen.push(Number.parseInt(id, 10))
              // Gives the socket a turn, as a client does that works on each batch.
              return seen.length % pause === 0 ? Effect.yieldNow : Effect.void
            }),
          ),
        )
        yield* stub.until(() => stub.following > 0)
        for (let i = 0; i < total; i++) stub.publish({ _tag: "MemoryRemoved", id: `${i}`.padEnd(bytes) })
        yield* Fiber.join(reading)
        expect(seen).toEqual(Array.from({ length: total }, (_, i) => i))
        yield* stub.until(() => stub.following === 0)
      }),
    )
  })
})
