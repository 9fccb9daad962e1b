/**
 * MissingScopes: finds the scope that a call requires and its caller lacks, and makes the fault for it.
 * DialectSession.ts and EventStreams.ts use it for methods of dialects and for subscriptions, which do not pass through the contract's
 * middleware.
 */
import * as Context from "effect/Context"
import { grants, type Principal, RequiredScope, type Scope } from "../../domain/Principal.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import type { Fault } from "../dialect/Fault.ts"
import { SUBSCRIBE } from "../dialect/DialectMethod.ts"
import * as Faults from "../dialect/Faults.ts"
import { methodCodecs } from "../dialect/MethodCodecs.ts"

/** Returns the scope if the principal lacks it. */
export const missingOf = (principal: Principal | undefined, scope: Scope | undefined): Scope | undefined =>
  scope === undefined || grants(principal?.scopes ?? [], scope) ? undefined : scope

/** Returns the scope of `events.subscribe` if the principal lacks it. */
export const missingForEvents = (principal: Principal | undefined): Scope | undefined =>
  missingOf(principal, Context.get(methodCodecs.get(SUBSCRIBE)!.rpc.annotations, RequiredScope))

/** Returns the fault for a call of a method without its scope. */
export const forbidden = (method: string, missingScope: Scope): Fault =>
  Faults.refused(new Forbidden({ method, missingScope }))
