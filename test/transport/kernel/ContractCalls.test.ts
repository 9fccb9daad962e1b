/**
 * Calls from within the gateway: the scopes and answers of any wire, without a connection.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
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

const layer = Layer.provideMerge(ContractCalls.layer, stubServices())

describe("a call from within", () => {
  it.effect("is answered with JSON", () =>
    Effect.gen(function* () {
      expect(yield* call("ping", {})).toEqual(Result.succeed({ at: 0 }))
    }).pipe(Effect.provide(layer)),
  )

  it.effect("needs the scope of its method", () =>
    Effect.gen(function* () {
      const denied = yield* call("sessions.list", {})
      expect(denied).toMatchObject(
        Result.fail({ _tag: "Denied", refusal: { _tag: "Forbidden", missingScope: "operator.read" } }),
      )
    }).pipe(Effect.provide(layer)),
  )

  it.effect("is told apart from what it might have been", () =>
    Effect.gen(function* () {
      const tag = (result: Result.Result<unknown, { readonly _tag: string }>) =>
        Result.isFailure(result) ? result.failure._tag : "success"
      expect(tag(yield* call("sessions.dance", {}))).toBe("UnknownMethod")
      expect(tag(yield* call("__proto__", {}))).toBe("UnknownMethod")
      // What streams has no one answer.
      expect(tag(yield* call("events.subscribe", {}, ["operator.read"]))).toBe("UnknownMethod")
      expect(tag(yield* call("runs.wait", { runId: 5 }, ["operator.read"]))).toBe("InvalidParams")
      expect(yield* call("runs.wait", { runId: "r", timeoutMs: 0 }, ["operator.read"])).toEqual(
        Result.fail({ _tag: "Domain", error: { _tag: "RunNotFound", runId: "r" } }),
      )
      // A bug tells nothing of itself.
      expect(yield* call("agents.list", {}, ["operator.read"])).toEqual(Result.fail({ _tag: "Internal" }))
    }).pipe(Effect.provide(layer)),
  )
})
