/**
 * Authorization: the middleware in front of every method. It looks up the caller, checks the method's scope and
 * provides `CurrentConnection`. Connections are found by the client id that the wires give to the call. It times each call,
 * and logs it at the level `debug`.
 */
import * as Cause from "effect/Cause"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Predicate from "effect/Predicate"
import type * as Tracer from "effect/Tracer"
import type { Histograms } from "../../domain/Histogram.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { isLogged } from "../../domain/Log.ts"
import { CurrentConnection, grants, RequiredScope } from "../../domain/Principal.ts"
import { Authorized, Forbidden, Unauthenticated } from "../../domain/Refusal.ts"
import { Connections } from "../connections/Connections.ts"
import * as Trace from "../traces/Trace.ts"
import { CallTimes } from "./CallTimes.ts"

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

/**
 * Provides the caller to the call, and records its duration when it ends. One finalizer does both, because every call pays
 * for it: `updateContext` would add another.
 */
const provided = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  caller: CurrentConnection["Service"],
  times: Histograms<string>,
): Effect.Effect<A, E, Exclude<R, CurrentConnection>> =>
  Effect.withFiber((fiber) => {
    const outer = fiber.context
    const startedAt = performance.now()
    fiber.setContext(Context.add(outer, CurrentConnection, caller))
    return Effect.onExitPrimitive(call as Effect.Effect<A, E, Exclude<R, CurrentConnection>>, (exit) => {
      fiber.setContext(outer)
      times.of(outcomeOf(exit)).record(performance.now() - startedAt)
      return undefined
    })
  })

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

/** Makes a span of the call. It has no parameters and no results. */
const traced = <A, E, R>(
  call: Effect.Effect<A, E, R>,
  method: string,
  { dialect, id }: CurrentConnection["Service"],
): Effect.Effect<A, E, Exclude<R, Tracer.ParentSpan>> =>
  // A stack trace of the gateway's own code would double the cost of the span, and tell nothing.
  Effect.withSpan(call, method, {
    kind: "server",
    attributes: { dialect, connection: id },
    captureStackTrace: false,
  })

const authorized: Layer.Layer<Authorized, never, CallTimes | Connections | GatewayConfig> = Layer.effect(
  Authorized,
  Effect.gen(function* () {
    const connections = yield* Connections
    const callTimes = yield* CallTimes
    // Without such entries, calls pay nothing for them.
    const isLogging = isLogged("debug", (yield* GatewayConfig).logLevel)
    const isTracing = yield* Trace.AreExported
    return Authorized.of((effect, { client, rpc }) => {
      const caller = Context.getOrUndefined(client.annotations, LocalCaller) ?? connections.identityOf(client.id)
      if (caller === undefined) return Effect.fail(new Unauthenticated({ reason: "missing" }))
      const times = callTimes.of(rpc._tag)
      const missingScope = Context.get(rpc.annotations, RequiredScope)
      if (missingScope !== undefined && !grants(caller.principal.scopes, missingScope)) {
        times.of("Forbidden").record(0)
        return Effect.fail(new Forbidden({ method: rpc._tag, missingScope }))
      }
      const call = isLogging ? logged(effect, rpc._tag, caller) : effect
      return provided(isTracing ? traced(call, rpc._tag, caller) : call, caller, times)
    })
  }),
)

/** Provides the middleware, and the durations of the calls. */
export const layer = Layer.provideMerge(authorized, CallTimes.layer)
