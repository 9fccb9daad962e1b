/**
 * Connect: reads the parameters of `connect`. The open schema accepts unknown members, ids, modes and scopes, and missing
 * members that the gateway can do without. The strict schema is the published one. The handshake uses it.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import {
  ID_CHARS,
  list,
  NAME_CHARS,
  printableText,
  SECRET_CHARS,
  SESSION_KEY_CHARS,
  text,
} from "../../../domain/Bounds.ts"
import type { ClientProfile } from "../../../domain/Connection.ts"
import { Position } from "../../../domain/Event.ts"
import { Scope } from "../../../domain/Principal.ts"
import { cut, shortened } from "../../../domain/Text.ts"
import { given, maybe } from "../../dialect/Params.ts"

/** Characters of a field that describes a client. A frame before authentication has room for a few of them. */
const FIELD_CHARS = 8_192

const Text = Schema.String
const Protocol = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** A field that a device may sign, so it is read whole. Lists and the store of devices cut it. */
const Description = text(FIELD_CHARS)
const Secret = text(SECRET_CHARS)
const Names = list(text(NAME_CHARS))

const Auth = {
  token: maybe(Secret),
  password: maybe(Secret),
  deviceToken: maybe(Secret),
  bootstrapToken: maybe(Secret),
}

const Device = {
  id: text(ID_CHARS),
  publicKey: text(ID_CHARS),
  signature: text(ID_CHARS),
  signedAt: Schema.Finite,
  nonce: maybe(text(ID_CHARS)),
}

/**
 * An addition of this gateway. With `true`, events have positions from now on. With a position, the client also gets the
 * events that it missed, for the subscriptions that it lists.
 */
const resume = maybe(
  Schema.Union([
    Schema.Literal(true),
    Schema.Struct({
      ...Position.fields,
      sessions: maybe(Schema.Boolean),
      messages: maybe(list(printableText(SESSION_KEY_CHARS))),
    }),
  ]),
)

/** The open schema. */
export const Open = Schema.Struct({
  minProtocol: Protocol,
  maxProtocol: Protocol,
  client: Schema.Struct({
    id: Description,
    version: maybe(Description),
    platform: maybe(Description),
    mode: maybe(Description),
    displayName: maybe(Description),
    deviceFamily: maybe(Description),
    modelIdentifier: maybe(Description),
    timeZone: maybe(Description),
    instanceId: maybe(Description),
  }),
  role: maybe(text(NAME_CHARS)),
  scopes: maybe(Names),
  caps: maybe(Names),
  auth: maybe(Schema.Struct(Auth)),
  device: maybe(Schema.Struct(Device)),
  resume,
})
export type Connect = typeof Open.Type

const nonEmpty = (...checks: ReadonlyArray<ReturnType<typeof Schema.isMaxLength>>) =>
  Schema.String.check(Schema.isNonEmpty(), ...checks)

const optional = Schema.optionalKey
const Filled = nonEmpty()

const ALLOWED = "must be equal to one of the allowed values"

const Strict = Schema.Struct({
  minProtocol: Protocol,
  maxProtocol: Protocol,
  client: Schema.Struct({
    id: Schema.Literals([
      "webchat-ui",
      "openclaw-control-ui",
      "openclaw-browser-copilot",
      "openclaw-tui",
      "webchat",
      "cli",
      "gateway-client",
      "openclaw-macos",
      "openclaw-linux",
      "openclaw-ios",
      "openclaw-watchos",
      "openclaw-android",
      "node-host",
      "openclaw-worker",
      "test",
      "fingerprint",
      "openclaw-probe",
    ]).annotate({ message: ALLOWED }),
    displayName: optional(Filled),
    version: Filled,
    buildId: optional(nonEmpty(Schema.isMaxLength(96))),
    platform: Filled,
    deviceFamily: optional(Filled),
    modelIdentifier: optional(Filled),
    timeZone: optional(nonEmpty(Schema.isMaxLength(64))),
    mode: Schema.Literals(["webchat", "cli", "ui", "backend", "node", "worker", "probe", "test"]).annotate({
      message: ALLOWED,
    }),
    instanceId: optional(Filled),
  }),
  caps: optional(Schema.Array(Filled)),
  commands: optional(Schema.Array(Filled)),
  permissions: optional(Schema.Record(Text, Schema.Boolean)),
  role: optional(Filled),
  scopes: optional(Schema.Array(Filled)),
  auth: optional(
    Schema.Struct({
      token: optional(Text),
      password: optional(Text),
      deviceToken: optional(Text),
      bootstrapToken: optional(Text),
      approvalRuntimeToken: optional(Text),
      agentRuntimeIdentityToken: optional(Text),
    }),
  ),
  device: optional(
    Schema.Struct({
      id: Filled,
      publicKey: Filled,
      signature: Filled,
      signedAt: Schema.Int.check(Schema.isGreaterThanOrEqualTo(0)),
      nonce: Filled,
    }),
  ),
  locale: optional(Text),
  userAgent: optional(Text),
  pathEnv: optional(Text),
  computerUse: optional(Schema.Unknown),
  workerRuns: optional(Schema.Unknown),
  modelCatalog: optional(Schema.Unknown),
  resume,
})

const readOpen = Schema.decodeUnknownResult(Open, { errors: "first" })
const readStrict = Schema.decodeUnknownResult(Strict, { errors: "first", onExcessProperty: "error" })

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** Returns the first issue in the form of the reference gateway, such as `at /client/id: must be …`. */
const describeIssue = (error: Schema.SchemaError): string => shortened(problemOf(error), ISSUE_CHARS)

/** A longer text only repeats more of the client's frame. */
const ISSUE_CHARS = 500

const problemOf = ({ issue }: Schema.SchemaError): string => {
  const [first] = issuesOf(issue).issues
  if (first === undefined) return "at root: must be object"
  const { message, path = [] } = first
  const names = path.map((part) => String(typeof part === "object" ? part.key : part))
  const place = (parts: ReadonlyArray<string>) => (parts.length === 0 ? "at root" : `at /${parts.join("/")}`)
  const last = names.at(-1)
  if (message.includes("excess property")) return `${place(names.slice(0, -1))}: unexpected property '${last}'`
  if (message === "Missing key") return `${place(names.slice(0, -1))}: must have required property '${last}'`
  return `${place(names)}: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
}

/** Fails with the first issue. */
export const readConnect = (params: unknown, strict: boolean): Result.Result<Connect, string> => {
  if (strict) {
    const read = readStrict(params)
    if (Result.isFailure(read)) return Result.fail(describeIssue(read.failure))
  }
  return Result.mapError(readOpen(params), describeIssue)
}

/** Returns the position and the subscriptions of a client that resumes. */
export const resumed = ({ resume }: Pick<Connect, "resume">) =>
  typeof resume === "object" && resume !== null ? resume : undefined

export const protocols = [3, 4] as const
export type Protocol = (typeof protocols)[number]

/** Returns the newest protocol that both sides speak, or `undefined` if they share no protocol. */
export const negotiate = ({ maxProtocol, minProtocol }: Pick<Connect, "minProtocol" | "maxProtocol">) =>
  protocols.findLast((protocol) => minProtocol <= protocol && protocol <= maxProtocol)

/** Whether the client is Control Center, see `Flavor` in Frames.ts. */
export const isControlCenter = ({ client, maxProtocol }: Connect): boolean =>
  client.id === "control-center" && maxProtocol === 3

/** Characters of a description in lists and in the store of devices. */
const SHOWN_CHARS = 96

/** Returns a description as lists show it, or `undefined` for an empty text. */
export const shown = (text: string | null | undefined): string | undefined =>
  cut(text?.trim() ?? "", SHOWN_CHARS) || undefined

/** Returns the name of a client in lists. */
export const nameOf = ({ client }: Pick<Connect, "client">): string =>
  shown(client.displayName) ?? shown(client.id) ?? ""

export const profileOf = ({ client }: Pick<Connect, "client">): ClientProfile =>
  given({
    version: shown(client.version),
    platform: shown(client.platform),
    deviceFamily: shown(client.deviceFamily),
    modelIdentifier: shown(client.modelIdentifier),
    timeZone: shown(client.timeZone),
    mode: shown(client.mode),
    instanceId: shown(client.instanceId),
  })

const isScope = Schema.is(Scope)

/** Returns the requested scopes that exist and those that do not, each once. */
export const scopesOf = ({ scopes }: Pick<Connect, "scopes">) => {
  const requested = [...new Set(scopes ?? [])]
  return { known: requested.filter((scope) => isScope(scope)), unknown: requested.filter((scope) => !isScope(scope)) }
}
