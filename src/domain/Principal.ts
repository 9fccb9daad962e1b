/**
 * Who is speaking and what they may do, the same on every wire.
 * It does not know how a principal proves itself: that is services/Authenticator.ts.
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
   * How the principal proved itself: by the shared token or password, by its own key and token, by nothing (auth off),
   * or as the embedding program.
   */
  kind: Schema.Literals(["token", "password", "device", "none", "local"]),
  role: Role,
  scopes: Schema.Array(Scope),
  /** The device that it speaks from, where one has proved itself. */
  deviceId: Schema.optionalKey(Schema.String),
}).annotate({ identifier: "Principal" })
export type Principal = typeof Principal.Type

export const everyScope: ReadonlyArray<Scope> = Scope.literals

/** The embedding program itself, for what its services are asked without a wire: `runs.accept(send, localPrincipal)`. */
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

/** Whether any of the held scopes grants the needed one. */
export const grants = (held: ReadonlyArray<Scope>, needed: Scope): boolean =>
  implied[needed].some((scope) => held.includes(scope))

/** What an Rpc asks of its caller. `undefined`: any authenticated connection. */
export const RequiredScope = Context.Reference<Scope | undefined>("causeway/domain/RequiredScope", {
  defaultValue: () => undefined,
})

/** The connection on which the current request came. Not carried across a cluster entity: stamp the principal there. */
export class CurrentConnection extends Context.Service<
  CurrentConnection,
  { readonly id: string; readonly dialect: string; readonly principal: Principal }
>()("causeway/domain/CurrentConnection") {}
