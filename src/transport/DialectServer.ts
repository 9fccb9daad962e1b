/**
 * The kernel of the foreign dialects: runs the contract one step below RPC's own protocol, where payloads go in decoded
 * and exits come out as values, so that an unknown method, bad parameters, a refusal, an error and a bug stay apart.
 * It knows no wire; each is a pure Dialect, mounted in one line.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import type * as Rpc from "effect/rpc/Rpc"
import * as RpcServer from "effect/rpc/RpcServer"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import { GatewayRpcs } from "../domain/GatewayRpcs.ts"
import { Events } from "../services/Events.ts"
import type { Dialect, Ref } from "./Dialect.ts"
import { DialectExchange } from "./DialectExchange.ts"
import * as Fanout from "./Fanout.ts"
import { type Wire, Wires } from "./Wires.ts"

export class DialectServer extends Context.Service<
  DialectServer,
  {
    /** The dialect as a wire: one fan-out for all its connections, one conversation for each. */
    wire<R extends Ref>(dialect: Dialect<R>): Effect.Effect<Wire, never, Scope.Scope>
  }
>()("causeway/transport/DialectServer") {
  static readonly layer: Layer.Layer<
    DialectServer,
    never,
    Events | GatewayConfig | Rpc.ToHandler<GatewayRpcs> | Rpc.Middleware<GatewayRpcs>
  > = Layer.effect(
    DialectServer,
    Effect.gen(function* () {
      const { limits } = yield* GatewayConfig
      const events = yield* Events
      const exchanges = new Map<number, DialectExchange<Ref>>()
      const server = yield* RpcServer.makeNoSerialization(GatewayRpcs, {
        disableClientAcks: true,
        disableFatalDefects: true,
        disableTracing: true,
        onFromServer: (message) => exchanges.get(message.clientId)?.answer(message) ?? Effect.void,
      })

      const wire = Effect.fnUntraced(function* <R extends Ref>(dialect: Dialect<R>) {
        const fanout = yield* Fanout.make(dialect).pipe(Effect.provideService(Events, events))
        return {
          dialect: dialect.name,
          open: Effect.fnUntraced(function* (peer) {
            const conversation = dialect.converse({ connectionId: peer.id })
            const exchange = new DialectExchange({ server, fanout, limits }, peer, conversation, yield* Effect.scope)
            yield* Effect.acquireRelease(
              Effect.sync(() => exchanges.set(peer.clientId, exchange)),
              () =>
                Effect.andThen(
                  Effect.sync(() => exchanges.delete(peer.clientId)),
                  server.disconnect(peer.clientId),
                ),
            )
            yield* exchange.greet()
            return exchange
          }),
        } satisfies Wire
      })

      return DialectServer.of({ wire })
    }),
  )

  /** Speaks the dialect at the path: `DialectServer.mount("/jsonrpc", jsonRpc)`. */
  static readonly mount = <R extends Ref>(path: string, dialect: Dialect<R>) =>
    Layer.effectDiscard(
      Effect.gen(function* () {
        const dialects = yield* DialectServer
        const wires = yield* Wires
        yield* wires.mount(path, yield* dialects.wire(dialect))
      }),
    )
}
