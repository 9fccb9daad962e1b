/**
 * MissingScopes: finds the scope that a call requires and its caller lacks, and makes the fault for it. DialectSession.ts
 * and EventStreams.ts use it for methods of dialects and for subscriptions, which do not pass through the contract's
 * middleware.
 */
import * as Context from "effect/Context"
import { grants, type Principal, RequiredScope, type Scope } from "../../domain/Principal.ts"
import { Forbidden } from "../../domain/Refusal.ts"
import type { Usage } from "../connection/PrincipalUsage.ts"
import type { Fault } from "../dialect/Fault.ts"
import { SUBSCRIBE } from "../dialect/DialectMethod.ts"
import * as Faults from "../dialect/Faults.ts"
import { methodCodecs } from "../dialect/MethodCodecs.ts"

/** Returns the scope if the principal lacks it. */
export const missingOf = (principal: Principal | undefined, scope: Scope | undefined): Scope | undefined =>
  scope === undefined || grants(principal?.scopes ?? [], scope) ? undefined : scope

/** Returns the fault for a call of a method without its scope. */
export const forbidden = (method: string, missingScope: Scope): Fault =>
  Faults.refused(new Forbidden({ method, missingScope }))

/** Returns the fault if a missing scope or the limit of the principal forbids one more subscription. */
export const subscriptionFault = (principal: Principal | undefined, usage: Usage | undefined): Fault | undefined => {
  const { annotations } = methodCodecs.get(SUBSCRIBE)!.rpc
  const missing = missingOf(principal, Context.get(annotations, RequiredScope))
  if (missing !== undefined) return forbidden(SUBSCRIBE, missing)
  const refusal = usage?.subscriptionRefusal()
  return refusal && Faults.refused(refusal)
}
