/**
 * What stands before every method: who calls, on which connection, and whether they may. It knows connections by the
 * client id that the wires give to the RPC server.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CurrentConnection, grants, RequiredScope } from "../../domain/Principal.ts"
import { Authorized, Forbidden, Unauthenticated } from "../../domain/Refusal.ts"
import { Connections } from "../connections/Connections.ts"

export const layer: Layer.Layer<Authorized, never, Connections> = Layer.effect(
  Authorized,
  Effect.gen(function* () {
    const connections = yield* Connections
    return Authorized.of((effect, { client, rpc }) => {
      const identity = connections.identityOf(client.id)
      if (identity === undefined) return Effect.fail(new Unauthenticated({ reason: "missing" }))
      const needed = Context.get(rpc.annotations, RequiredScope)
      if (needed !== undefined && !grants(identity.principal.scopes, needed)) {
        return Effect.fail(new Forbidden({ method: rpc._tag, missingScope: needed }))
      }
      // What `provideService` does, without building a function for each call.
      return Effect.updateContext(effect, (context: Context.Context<never>) =>
        Context.add(context, CurrentConnection, identity),
      )
    })
  }),
)
