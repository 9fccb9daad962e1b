/**
 * ConnectionHandlers: implements `connections.*`, `presence.list` and `authenticate` on the services Connections and
 * Authenticator.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import { ConnectionRpcs } from "../../domain/Connection.ts"
import { Unauthenticated } from "../../domain/Refusal.ts"
import { Authenticator } from "../auth/Authenticator.ts"
import { Connections } from "../connections/Connections.ts"

export const ConnectionHandlers = ConnectionRpcs.toLayer(
  Effect.gen(function* () {
    const authenticator = yield* Authenticator
    const connections = yield* Connections
    return ConnectionRpcs.of({
      "presence.list": () => Effect.sync(() => ({ presence: connections.presence() })),
      "connections.list": () => Effect.sync(() => ({ connections: connections.list() })),
      "connections.close": ({ connectionId, reason }) =>
        Effect.as(connections.close(connectionId, reason), { closed: true }),
      /** Checks the token of a connection that has authenticated before. The principal stays the same. */
      authenticate: Effect.fnUntraced(function* ({ token }, { client }) {
        const identity = connections.identityOf(client.id)
        if (identity === undefined) return yield* new Unauthenticated({ reason: "missing" })
        yield* authenticator.authenticate(Redacted.make(token), identity.remoteAddress)
        return { connectionId: identity.id, principal: identity.principal }
      }),
    })
  }),
)
