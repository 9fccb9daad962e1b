/**
 * Principals, roles and scopes: the identity and the rights of a caller, the same on every wire. The service
 * Authenticator turns credentials into principals.
 */
import * as Context from "effect/Context"
import * as Schema from "effect/Schema"

/** OpenClaw's operator scopes. Admin implies all; write implies read and talk; the others stand alone under admin. */
export const Scope = Schema.Literals([
  "operator.read",
  "operator.write",
  "operator.admin",
  "operator.approvals",
  "operator.questions",
  "operator.pairing",
  "operator.talk",
  "operator.talk.secrets",
])
export type Scope = typeof Scope.Type

export const Role = Schema.Literals(["operator", "node"])
export type Role = typeof Role.Type

export const Principal = Schema.Struct({
  id: Schema.String,
  /**
   * The credential: the shared token or password, a device key with its token, none (`auth: none`), or `local` for the
   * embedding program.
   */
  kind: Schema.Literals(["token", "password", "device", "none", "local"]),
  role: Role,
  scopes: Schema.Array(Scope),
  /** The device whose key the caller has proved. */
  deviceId: Schema.optionalKey(Schema.String),
}).annotate({ identifier: "Principal" })
export type Principal = typeof Principal.Type

export const everyScope: ReadonlyArray<Scope> = Scope.literals

/** The embedding program itself, for calls of services without a wire: `runs.accept(send, localPrincipal)`. */
export const localPrincipal: Principal = { id: "local", kind: "local", role: "operator", scopes: everyScope }

const implied: Record<Scope, ReadonlyArray<Scope>> = {
  "operator.read": ["operator.read", "operator.write", "operator.admin"],
  "operator.write": ["operator.write", "operator.admin"],
  "operator.admin": ["operator.admin"],
  "operator.approvals": ["operator.approvals", "operator.admin"],
  "operator.questions": ["operator.questions", "operator.admin"],
  "operator.pairing": ["operator.pairing", "operator.admin"],
  "operator.talk": ["operator.talk", "operator.write", "operator.admin"],
  "operator.talk.secrets": ["operator.talk.secrets", "operator.admin"],
}

/** Returns whether any of the held scopes grants the needed one. */
export const grants = (held: ReadonlyArray<Scope>, needed: Scope): boolean =>
  implied[needed].some((scope) => held.includes(scope))

/** The scope that a method requires. `undefined`: any authenticated connection may call it. */
export const RequiredScope = Context.Reference<Scope | undefined>("causeway/domain/RequiredScope", {
  defaultValue: () => undefined,
})

/** The connection of the current request. It does not cross a cluster entity: put the principal into the message there. */
export class CurrentConnection extends Context.Service<
  CurrentConnection,
  { readonly id: string; readonly dialect: string; readonly principal: Principal }
>()("causeway/domain/CurrentConnection") {}
