/**
 * Authorization: the middleware in front of every method. It looks up the caller, checks the method's scope and
 * provides `CurrentConnection`. Connections are found by the client id that the wires give to the call.
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { CurrentConnection, grants, RequiredScope } from "../../domain/Principal.ts"
import { Authorized, Forbidden, Unauthenticated } from "../../domain/Refusal.ts"
import { Connections } from "../connections/Connections.ts"

/** The caller of a call without a connection, as an annotation of its client. */
export class LocalCaller extends Context.Service<LocalCaller, CurrentConnection["Service"]>()(
  "causeway/services/auth/Authorization/LocalCaller",
) {}

export const layer: Layer.Layer<Authorized, never, Connections> = Layer.effect(
  Authorized,
  Effect.gen(function* () {
    const connections = yield* Connections
    return Authorized.of((effect, { client, rpc }) => {
      const caller = Context.getOrUndefined(client.annotations, LocalCaller) ?? connections.identityOf(client.id)
      if (caller === undefined) return Effect.fail(new Unauthenticated({ reason: "missing" }))
      const missingScope = Context.get(rpc.annotations, RequiredScope)
      if (missingScope !== undefined && !grants(caller.principal.scopes, missingScope)) {
        return Effect.fail(new Forbidden({ method: rpc._tag, missingScope }))
      }
      // As `provideService`, without building a function for each call.
      return Effect.updateContext(effect, (context: Context.Context<never>) =>
        Context.add(context, CurrentConnection, caller),
      )
    })
  }),
)
