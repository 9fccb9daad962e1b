/**
 * ContractCalls: runs methods of the contract as the RPC server does (decode, middleware, handler, encode), with JSON
 * on both sides. All wires and HTTP routes use it.
 */
import * as Cause from "effect/Cause"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
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
  /** Calls a method of the contract that the wire itself carries out. `payload`: the decoded parameters. */
  readonly serve: (
    method: string,
    params: unknown,
    handle: (payload: unknown) => Effect.Effect<unknown>,
  ) => Effect.Effect<unknown, Fault>
  /**
   * Calls a streaming method. Fails with `UnknownMethod` if the method does not stream. A slow reader delays the
   * handler.
   */
  readonly stream: (method: string, params: unknown) => Stream.Stream<unknown, Fault>
}

/** A caller without a connection. Logs show its id. */
export type Caller = CurrentConnection["Service"]

type Options = Parameters<Rpc.Handler<string>["handler"]>[1] & { readonly payload: unknown }
type Middleware = (effect: Effect.Effect<unknown, unknown>, options: Options) => Effect.Effect<unknown, unknown>
type Handle = (payload: unknown, options: Options) => Effect.Effect<unknown, unknown>

interface Method {
  readonly codec: MethodCodec
  readonly handler: Rpc.Handler<string>
  readonly middlewares: ReadonlyArray<Middleware>
  /** Encodes the result of a method that does not stream. */
  readonly encode: (result: unknown) => Effect.Effect<unknown>
  readonly failed: (cause: Cause.Cause<unknown>) => Effect.Effect<never, Fault>
}

/** Most schemas need no wait: they return their result as an Exit. */
const isDone = <A, E>(effect: Effect.Effect<A, E>): effect is Exit.Success<A> =>
  Exit.isExit(effect) && Exit.isSuccess(effect)

const methodOf = (
  codec: MethodCodec,
  handler: Rpc.Handler<string>,
  middlewares: ReadonlyArray<Middleware>,
): Method => ({
  codec,
  handler,
  middlewares,
  encode: (result) => {
    if (codec.streams) return Effect.void
    const encoded = codec.encodeValue(result)
    return isDone(encoded) ? encoded : Effect.orDie(encoded)
  },
  failed: (cause) => {
    const fault = Faults.ofCause(cause)
    return Cause.hasDies(cause) ? Effect.andThen(Effect.logError(`${codec.rpc._tag} failed`, cause), fault) : fault
  },
})

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
          const handler = context.mapUnsafe.get(codec.rpc.key) as Rpc.Handler<string>
          const middlewares = Array.from(codec.rpc.middlewares, ({ key }) => context.mapUnsafe.get(key) as Middleware)
          methods.set(name, methodOf(codec, handler, middlewares))
        }

        /**
         * Runs the method inside the middleware, as the RPC server does. One step changes the fiber's context, restores it
         * and handles both outcomes, because every call pays for it.
         */
        const run = (
          fiber: Fiber.Fiber<unknown, unknown>,
          { codec: { rpc }, encode, failed, handler, middlewares }: Method,
          client: Rpc.ServerClient,
          payload: unknown,
          handle: Handle,
        ): Effect.Effect<unknown, Fault> => {
          const options = { rpc, client, requestId: RequestId(0), headers: Headers.empty, payload }
          let effect = Effect.suspend(() => handle(payload, options))
          for (const middleware of middlewares) effect = middleware(effect, options)
          const outer = fiber.context
          const span = Context.getOrUndefined(outer, Tracer.ParentSpan)
          fiber.setContext(span === undefined ? handler.context : Context.add(handler.context, Tracer.ParentSpan, span))
          return Effect.matchCauseEffect(effect, {
            onFailure: (cause) => {
              fiber.setContext(outer)
              return failed(cause)
            },
            onSuccess: (result) => {
              fiber.setContext(outer)
              return encode(result)
            },
          })
        }

        /** Decodes the parameters and runs the method. */
        const call = (method: Method, client: Rpc.ServerClient, params: unknown, handle: Handle) =>
          Effect.withFiber((fiber) => {
            const decoded = method.codec.decode(params)
            return isDone(decoded)
              ? run(fiber, method, client, decoded.value, handle)
              : Effect.flatMap(Effect.mapError(decoded, Faults.invalidParams), (payload) =>
                  run(fiber, method, client, payload, handle),
                )
          })

        const callsOf = (client: Rpc.ServerClient): Calls => ({
          call: (name, params) => {
            const method = methods.get(name)
            if (method === undefined || method.codec.streams) return unknownMethod(name)
            return call(method, client, params, method.handler.handler as Handle)
          },
          serve: (name, params, handle) => call(methods.get(name)!, client, params, handle),
          stream: (name, params) => {
            const method = methods.get(name)
            if (method?.codec.streams !== true) return Stream.fromEffect(unknownMethod(name))
            const { codec, handler } = method
            return Stream.callback<unknown, Fault>(
              (queue) =>
                call(method, client, params, (payload, options) =>
                  Stream.runForEach(handler.handler(payload, options) as Stream.Stream<unknown>, (value) =>
                    Effect.flatMap(Effect.orDie(codec.encodeValue(value)), (json) => Queue.offer(queue, json)),
                  ),
                ).pipe(
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
