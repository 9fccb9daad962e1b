/**
 * LocalCalls: the contract called from within the gateway, for those who have a principal and no connection: HTTP
 * routes, and what a whole dialect asks once for all who follow. JSON in, JSON out; it knows no wire and no method.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Headers from "effect/http/Headers"
import * as Rpc from "effect/rpc/Rpc"
import { RequestId } from "effect/rpc/RpcMessage"
import { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import { CurrentConnection, grants, RequiredScope } from "../../domain/Principal.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { methodCodecs } from "../dialect/MethodCodecs.ts"

/** Who calls. The id is for those who read logs: no connection has it. */
export type Caller = CurrentConnection["Service"]

/** What a handler of a method that does not stream gives, once it has its context. */
type Handled = Effect.Effect<unknown, unknown>

const options = (rpc: Rpc.Any) => ({
  rpc,
  client: new Rpc.ServerClient(-1),
  requestId: RequestId(0),
  headers: Headers.empty,
})

export class LocalCalls extends Context.Service<
  LocalCalls,
  {
    /** What the method answers to the caller, who needs the method's scope. Not for methods that stream. */
    call(caller: Caller, method: string, params: unknown): Effect.Effect<unknown, Fault>
  }
>()("causeway/transport/kernel/LocalCalls") {
  static readonly layer: Layer.Layer<LocalCalls, never, Rpc.ToHandler<GatewayRpcs>> = Layer.effect(
    LocalCalls,
    Effect.gen(function* () {
      const handlers = yield* Effect.context<Rpc.ToHandler<GatewayRpcs>>()

      const call = Effect.fnUntraced(function* (
        caller: Caller,
        method: string,
        params: unknown,
      ): Effect.fn.Return<unknown, Fault> {
        const codec = methodCodecs.get(method)
        if (codec === undefined || codec.streams) return yield* Effect.fail<Fault>({ _tag: "UnknownMethod", method })
        const { rpc } = codec
        const missingScope = Context.get(rpc.annotations, RequiredScope)
        if (missingScope !== undefined && !grants(caller.principal.scopes, missingScope)) {
          return yield* Effect.fail(Faults.refused(new Forbidden({ method, missingScope })))
        }
        const payload = yield* Effect.mapError(codec.decode(params), Faults.invalidParams)
        const { context, handler } = handlers.mapUnsafe.get(rpc.key) as Rpc.Handler<string>
        const result = yield* Effect.suspend(() => handler(payload, options(rpc)) as Handled).pipe(
          // The handler's own, as it was when it was made: merging it with the caller's costs more than most calls.
          Effect.updateContext<never, never>(() => Context.add(context, CurrentConnection, caller)),
          Effect.tapCauseIf(Cause.hasDies, (cause) => Effect.logError(`${method} failed`, cause)),
          Effect.catchCause(Faults.ofCause),
        )
        return yield* Effect.orDie(codec.encodeValue(result))
      })

      return LocalCalls.of({ call })
    }),
  )
}
