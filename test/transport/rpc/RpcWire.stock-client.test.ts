/** The wire as effect's own RPC client speaks it, with nothing of ours on the other side. */
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

/** A client of a connection of its own. */
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

describe("effect's own RPC client", () => {
  layer(stubGateway(), { excludeTestServices: true })((it) => {
    it.effect("calls, and gets errors as the contract has them", () =>
      Effect.gen(function* () {
        const gateway = yield* client(TOKEN)
        expect((yield* gateway.ping({})).at).toBeGreaterThan(0)
        expect(yield* Effect.flip(gateway["runs.wait"]({ runId: "r1", timeoutMs: 0 }))).toMatchObject({
          _tag: "RunNotFound",
          runId: "r1",
        })
      }),
    )

    it.effect("proves who it is by the contract's own method, and calls behind it", () =>
      Effect.gen(function* () {
        const gateway = yield* client(undefined)
        const [{ principal }, { at }] = yield* Effect.all([gateway.authenticate({ token: TOKEN }), gateway.ping({})], {
          concurrency: "unbounded",
        })
        expect(principal.id).toBe("operator")
        expect(at).toBeGreaterThan(0)
      }),
    )

    it.effect("is refused in the contract's words", () =>
      Effect.gen(function* () {
        const stranger = yield* client(undefined)
        expect(yield* Effect.flip(stranger.ping({}))).toMatchObject({ _tag: "Unauthenticated", reason: "missing" })
        expect(yield* Effect.flip(stranger.authenticate({ token: "wrong" }))).toMatchObject({
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

    it.effect("learns of a bug that there was one, and loses that call alone", () =>
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

    it.effect("ends a call by interrupting it", () =>
      Effect.gen(function* () {
        const { waiting } = yield* Stub
        const gateway = yield* client(TOKEN)
        const call = yield* Effect.forkChild(gateway["runs.wait"]({ runId: "cut short" }))
        while (!waiting.has("cut short")) yield* Effect.sleep("1 millis")
        yield* Fiber.interrupt(call)
        while (waiting.has("cut short")) yield* Effect.sleep("1 millis")
        expect((yield* gateway.ping({})).at).toBeGreaterThan(0)
      }),
    )

    it.effect.each([
      { name: "at its own pace", total: 2_000, bytes: 1_000, pause: 100 },
      // What happens while the first is not acknowledged becomes one chunk of 4 MB.
      { name: "in parts, where a chunk is larger than a frame should be", total: 41, bytes: 100_000, pause: 1_000 },
    ])("follows a stream $name, and misses nothing", ({ bytes, pause, total }) =>
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
              return seen.length % pause === 0 ? Effect.sleep("1 millis") : Effect.void
            }),
          ),
        )
        while (stub.following === 0) yield* Effect.sleep("1 millis")
        for (let i = 0; i < total; i++) stub.tell({ _tag: "MemoryRemoved", id: `${i}`.padEnd(bytes) })
        yield* Fiber.join(reading)
        expect(seen).toEqual(Array.from({ length: total }, (_, i) => i))
        while (stub.following > 0) yield* Effect.sleep("1 millis")
      }),
    )
  })
})
