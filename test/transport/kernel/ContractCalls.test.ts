/**
 * ContractCalls: calls of a caller without a connection, with the same middleware and the same errors as on every wire.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Stream from "effect/Stream"
import * as TestClock from "effect/testing/TestClock"
import { AgentNotFound } from "../../../src/domain/Agent.ts"
import type { StreamItem } from "../../../src/domain/Chat.ts"
import { GatewayRpcs } from "../../../src/domain/GatewayRpcs.ts"
import type { Principal, Scope } from "../../../src/domain/Principal.ts"
import { ContractCalls } from "../../../src/transport/kernel/ContractCalls.ts"
import { stubServices } from "../../support/StubGateway.ts"

const caller = (...scopes: ReadonlyArray<Scope>) => {
  const principal: Principal = { id: "test", kind: "local", role: "operator", scopes }
  return { id: "test", dialect: "test", principal }
}

const call = Effect.fnUntraced(function* (method: string, params: unknown, scopes: ReadonlyArray<Scope> = []) {
  return yield* Effect.result((yield* ContractCalls).ofCaller(caller(...scopes)).call(method, params))
})

const tagOf = (result: Result.Result<unknown, { readonly _tag: string }>) =>
  Result.isFailure(result) ? result.failure._tag : "success"

describe("ContractCalls.call", () => {
  const layer = Layer.provideMerge(ContractCalls.layer, stubServices())

  it.effect("A call returns JSON.", () =>
    Effect.gen(function* () {
      expect(yield* call("ping", {})).toEqual(Result.succeed({ at: 0 }))
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A call requires the scope of its method.", () =>
    Effect.gen(function* () {
      const denied = yield* call("sessions.list", {})
      expect(denied).toMatchObject(
        Result.fail({ _tag: "Denied", refusal: { _tag: "Forbidden", missingScope: "operator.read" } }),
      )
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A call of an unknown or a streaming method fails with UnknownMethod.", () =>
    Effect.gen(function* () {
      for (const method of ["sessions.dance", "__proto__", "events.subscribe"]) {
        expect(tagOf(yield* call(method, {}, ["operator.read"])), method).toBe("UnknownMethod")
      }
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A call fails with its own fault for invalid parameters, an error of the method and a bug.", () =>
    Effect.gen(function* () {
      expect(tagOf(yield* call("runs.wait", { runId: 5 }, ["operator.read"]))).toBe("InvalidParams")
      expect(yield* call("runs.wait", { runId: "r", timeoutMs: 0 }, ["operator.read"])).toEqual(
        Result.fail({ _tag: "Domain", error: { _tag: "RunNotFound", runId: "r" } }),
      )
      // The fault of a bug has no details.
      expect(yield* call("agents.list", {}, ["operator.read"])).toEqual(Result.fail({ _tag: "Internal" }))
    }).pipe(Effect.provide(layer)),
  )
})

/** The handler of `chat.stream`, which the test counts and replaces. */
class Handler extends Context.Service<Handler, { calls: number; values: Stream.Stream<StreamItem, AgentNotFound> }>()(
  "test/ContractCalls/Handler",
) {}

const handler = GatewayRpcs.toLayerHandler(
  "chat.stream",
  Effect.map(Handler, (handler) => () => {
    handler.calls++
    return handler.values
  }),
)

const item = (seq: number): StreamItem => ({ _tag: "Event", seq, at: 0, event: { _tag: "MemoryRemoved", id: "x" } })

const layer = ContractCalls.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(stubServices(), handler)),
  Layer.provideMerge(Layer.sync(Handler, () => ({ calls: 0, values: Stream.empty }))),
)

const stream = (method = "chat.stream", params: unknown = { text: "hello" }, scope: Scope = "operator.write") =>
  Stream.unwrap(Effect.map(ContractCalls, (calls) => calls.ofCaller(caller(scope)).stream(method, params)))

describe("ContractCalls.stream", () => {
  it.effect("A stream has the handler's values as JSON and in their order.", () =>
    Effect.gen(function* () {
      const handler = yield* Handler
      handler.values = Stream.map(Stream.range(1, 100), item)
      const values = yield* Stream.runCollect(stream())
      expect(values).toEqual(Array.from({ length: 100 }, (_, i) => item(i + 1)))
      expect(handler.calls).toBe(1)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A stream fails after its values with the handler's error, and without details for a bug.", () =>
    Effect.gen(function* () {
      const handler = yield* Handler
      const seen: Array<unknown> = []
      const failure = Effect.result(Stream.runForEach(stream(), (value) => Effect.sync(() => seen.push(value))))
      handler.values = Stream.concat(Stream.make(item(1)), Stream.fail(new AgentNotFound({ agentId: "luna" })))
      expect(yield* failure).toMatchObject(
        Result.fail({ _tag: "Domain", error: { _tag: "AgentNotFound", agentId: "luna" } }),
      )
      handler.values = Stream.concat(Stream.make(item(2)), Stream.die(new Error("a bug")))
      expect(yield* failure).toEqual(Result.fail({ _tag: "Internal" }))
      expect(seen).toEqual([item(1), item(2)])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A stream without the scope of its method fails before the handler runs.", () =>
    Effect.gen(function* () {
      const denied = yield* Effect.result(Stream.runCollect(stream("chat.stream", { text: "hello" }, "operator.read")))
      expect(denied).toMatchObject(
        Result.fail({ _tag: "Denied", refusal: { _tag: "Forbidden", missingScope: "operator.write" } }),
      )
      expect((yield* Handler).calls).toBe(0)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A stream with invalid parameters fails before the handler runs.", () =>
    Effect.gen(function* () {
      expect(tagOf(yield* Effect.result(Stream.runCollect(stream("chat.stream", { text: 5 }))))).toBe("InvalidParams")
      expect((yield* Handler).calls).toBe(0)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A stream of an unknown or a non-streaming method fails with UnknownMethod.", () =>
    Effect.gen(function* () {
      for (const method of ["sessions.dance", "__proto__", "ping"]) {
        expect(yield* Effect.result(Stream.runCollect(stream(method, {})))).toEqual(
          Result.fail({ _tag: "UnknownMethod", method }),
        )
      }
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A consumer that stops interrupts the handler.", () =>
    Effect.gen(function* () {
      const handler = yield* Handler
      let ends = 0
      const ended = Effect.sync(() => ends++)
      handler.values = Stream.ensuring(Stream.concat(Stream.make(item(1), item(2)), Stream.never), ended)
      expect(yield* Stream.runCollect(Stream.take(stream(), 2))).toEqual([item(1), item(2)])
      expect(ends).toBe(1)
      const fiber = yield* Effect.forkChild(Stream.runDrain(stream()), { startImmediately: true })
      yield* Fiber.interrupt(fiber)
      expect([handler.calls, ends]).toEqual([2, 2])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A slow consumer delays the handler.", () =>
    Effect.gen(function* () {
      const handler = yield* Handler
      let produced = 0
      let consumed = 0
      handler.values = Stream.fromEffectRepeat(
        Effect.delay(
          Effect.sync(() => item(++produced)),
          "1 millis",
        ),
      )
      const consume = Stream.runForEach(stream(), () =>
        Effect.delay(
          Effect.sync(() => consumed++),
          "1 second",
        ),
      )
      yield* Effect.forkChild(consume)
      yield* TestClock.adjust("1 minute")
      expect(consumed).toBeGreaterThan(50)
      // Ahead of the consumer are the values in the buffer and the few that the streams hold.
      expect(produced - consumed).toBeLessThan(25)
    }).pipe(Effect.provide(layer)),
  )
})
