/**
 * Authorization: the middleware in front of every method. It looks up the caller, checks the method's scope and
 * provides `CurrentConnection`. Connections are found by the client id that the wires give to the call. At the level `debug`
 * it logs each call.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { isLogged } from "../../domain/Log.ts"
import { CurrentConnection, grants, RequiredScope } from "../../domain/Principal.ts"
import { Authorized, Forbidden, Unauthenticated } from "../../domain/Refusal.ts"
import { Connections } from "../connections/Connections.ts"

/** The caller of a call without a connection, as an annotation of its client. */
export class LocalCaller extends Context.Service<LocalCaller, CurrentConnection["Service"]>()(
  "causeway/services/auth/Authorization/LocalCaller",
) {}

/** Returns `ok`, the tag of the error, or the reason without one. */
const outcomeOf = (exit: Exit.Exit<unknown, unknown>): string => {
  if (Exit.isSuccess(exit)) return "ok"
  const error = Option.getOrUndefined(Cause.findErrorOption(exit.cause))
  if (Predicate.hasProperty(error, "_tag")) return String(error._tag)
  return Cause.hasInterruptsOnly(exit.cause) ? "interrupted" : "bug"
}

/** Logs the call with its duration when it ends. The log has no parameters and no results. */
const logged = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  method: string,
  { dialect, id }: CurrentConnection["Service"],
): Effect.Effect<A, E, R> =>
  Effect.flatMap(Clock.currentTimeMillis, (startedAt) =>
    Effect.onExit(call, (exit) =>
      Effect.flatMap(Clock.currentTimeMillis, (endedAt) =>
        Effect.annotateLogs(Effect.logDebug("a call ended"), {
          source: "calls",
          method,
          outcome: outcomeOf(exit),
          ms: Math.round(endedAt - startedAt),
          dialect,
          connection: id,
        }),
      ),
    ),
  )

export const layer: Layer.Layer<Authorized, never, Connections | GatewayConfig> = Layer.effect(
  Authorized,
  Effect.gen(function* () {
    const connections = yield* Connections
    // Without such entries, calls pay nothing for them.
    const isLogging = isLogged("debug", (yield* GatewayConfig).logLevel)
    return Authorized.of((effect, { client, rpc }) => {
      const caller = Context.getOrUndefined(client.annotations, LocalCaller) ?? connections.identityOf(client.id)
      if (caller === undefined) return Effect.fail(new Unauthenticated({ reason: "missing" }))
      const missingScope = Context.get(rpc.annotations, RequiredScope)
      if (missingScope !== undefined && !grants(caller.principal.scopes, missingScope)) {
        return Effect.fail(new Forbidden({ method: rpc._tag, missingScope }))
      }
      // As `provideService`, without building a function for each call.
      const call = isLogging ? logged(effect, rpc._tag, caller) : effect
      return Effect.updateContext(call, (context: Context.Context<never>) =>
        Context.add(context, CurrentConnection, caller),
      )
    })
  }),
)
