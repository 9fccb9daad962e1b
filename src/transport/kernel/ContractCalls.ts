/**
 * ContractCalls: runs methods of the contract as the RPC server does (decode, middleware, handler, encode), with JSON
 * on both sides. Dialects and HTTP routes use it. `/rpc` uses the RPC server itself.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Stream from "effect/Stream"
import * as Tracer from "effect/Tracer"
import * as Headers from "effect/http/Headers"
import * as Rpc from "effect/rpc/Rpc"
import { RequestId } from "effect/rpc/RpcMessage"
import { GatewayRpcs } from "../../domain/GatewayRpcs.ts"
import type { CurrentConnection } from "../../domain/Principal.ts"
import { LocalCaller } from "../../services/auth/Authorization.ts"
import type { Fault } from "../dialect/Fault.ts"
import * as Faults from "../dialect/Faults.ts"
import { type MethodCodec, methodCodecs } from "../dialect/MethodCodecs.ts"

/** The methods of the contract, callable by one client. Parameters and results are JSON. */
export interface Calls {
  /** Calls a method that returns one result. Fails with `UnknownMethod` if the method streams. */
  readonly call: (method: string, params: unknown) => Effect.Effect<unknown, Fault>
  /**
   * Calls a streaming method. Fails with `UnknownMethod` if the method does not stream. A slow reader delays the
   * handler.
   */
  readonly stream: (method: string, params: unknown) => Stream.Stream<unknown, Fault>
}

/** A caller without a connection. Logs show its id. */
export type Caller = CurrentConnection["Service"]

interface Method {
  readonly codec: MethodCodec
  readonly handler: Rpc.Handler<string>
}

type Options = Parameters<Rpc.Handler<string>["handler"]>[1] & { readonly payload: unknown }
type Middleware = (effect: Effect.Effect<unknown, unknown>, options: Options) => Effect.Effect<unknown, unknown>

/** The number of values of a stream that may wait for the reader. */
const STREAM_BUFFER = 16

export class ContractCalls extends Context.Service<
  ContractCalls,
  {
    /** Returns the calls of a registered connection. Each call has the scopes of the connection's current principal. */
    readonly ofConnection: (clientId: number) => Calls
    /** Returns the calls of a caller without a connection. */
    readonly ofCaller: (caller: Caller) => Calls
  }
>()("causeway/transport/kernel/ContractCalls") {
  static readonly layer: Layer.Layer<ContractCalls, never, Rpc.ToHandler<GatewayRpcs> | Rpc.Middleware<GatewayRpcs>> =
    Layer.effect(
      ContractCalls,
      Effect.gen(function* () {
        const context = yield* Effect.context<Rpc.ToHandler<GatewayRpcs> | Rpc.Middleware<GatewayRpcs>>()
        const methods = new Map<string, Method>()
        for (const [name, codec] of methodCodecs) {
          methods.set(name, { codec, handler: context.mapUnsafe.get(codec.rpc.key) as Rpc.Handler<string> })
        }

        /** Runs the handler inside the middleware, as the RPC server does. */
        const run = (
          { codec, handler }: Method,
          client: Rpc.ServerClient,
          payload: unknown,
          use: (handled: unknown) => Effect.Effect<unknown, unknown>,
        ): Effect.Effect<unknown, Fault> => {
          const options = { rpc: codec.rpc, client, requestId: RequestId(0), headers: Headers.empty, payload }
          let effect = Effect.suspend(() => use(handler.handler(payload, options)))
          for (const { key } of codec.rpc.middlewares) {
            effect = (context.mapUnsafe.get(key) as Middleware)(effect, options)
          }
          return effect.pipe(
            // Merging the handler's context with the caller's would cost more than most calls.
            Effect.updateContext<never, never>((outer) => {
              const span = outer.mapUnsafe.get(Tracer.ParentSpanKey) as Tracer.AnySpan | undefined
              return span === undefined ? handler.context : Context.add(handler.context, Tracer.ParentSpan, span)
            }),
            Effect.tapCauseIf(Cause.hasDies, (cause) => Effect.logError(`${codec.rpc._tag} failed`, cause)),
            Effect.catchCause(Faults.ofCause),
          )
        }

        const decode = (method: Method, params: unknown) =>
          Effect.mapError(method.codec.decode(params), Faults.invalidParams)

        const callsOf = (client: Rpc.ServerClient): Calls => ({
          call: (name, params) => {
            const method = methods.get(name)
            if (method === undefined || method.codec.streams) return unknownMethod(name)
            return decode(method, params).pipe(
              Effect.flatMap((payload) => run(method, client, payload, (handled) => handled as Effect.Effect<unknown>)),
              Effect.flatMap((result) => Effect.orDie(method.codec.encodeValue(result))),
            )
          },
          stream: (name, params) => {
            const method = methods.get(name)
            if (method?.codec.streams !== true) return Stream.fromEffect(unknownMethod(name))
            const { encodeValue } = method.codec
            return Stream.callback<unknown, Fault>(
              (queue) =>
                decode(method, params).pipe(
                  Effect.flatMap((payload) =>
                    run(method, client, payload, (handled) =>
                      Stream.runForEach(handled as Stream.Stream<unknown>, (value) =>
                        Effect.flatMap(Effect.orDie(encodeValue(value)), (json) => Queue.offer(queue, json)),
                      ),
                    ),
                  ),
                  Effect.matchCauseEffect({
                    onFailure: (cause) => Queue.failCause(queue, cause),
                    onSuccess: () => Queue.end(queue),
                  }),
                ),
              { bufferSize: STREAM_BUFFER },
            )
          },
        })

        return ContractCalls.of({
          ofConnection: (clientId) => callsOf(new Rpc.ServerClient(clientId)),
          ofCaller: (caller) => callsOf(new Rpc.ServerClient(NO_CLIENT).annotate(LocalCaller, caller)),
        })
      }),
    )
}

const NO_CLIENT = -1

const unknownMethod = (method: string): Effect.Effect<never, Fault> => Effect.fail({ _tag: "UnknownMethod", method })
