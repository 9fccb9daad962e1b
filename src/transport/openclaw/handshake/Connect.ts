/**
 * Connect: what a client says of itself in its first request. Read openly: members, ids, modes and scopes that are not
 * known are welcome, as is what only few clients leave out. Strictly, it is what the published schema says. Pure.
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

/** Characters of a field that describes a client; a frame before authentication holds little more. */
const FIELD_CHARS = 8_192

const Text = Schema.String
const Protocol = Schema.Int.check(Schema.isGreaterThanOrEqualTo(1))

/** Part of what a device signs, so that it is read whole. It is cut where it is shown and kept. */
const About = text(FIELD_CHARS)
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
 * An addition of this gateway: true to be told positions from now on, or the position up to which the client knows, and
 * what it had subscribed to: what it missed of that is told as well.
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

/** Read openly. */
export const Open = Schema.Struct({
  minProtocol: Protocol,
  maxProtocol: Protocol,
  client: Schema.Struct({
    id: About,
    version: maybe(About),
    platform: maybe(About),
    mode: maybe(About),
    displayName: maybe(About),
    deviceFamily: maybe(About),
    modelIdentifier: maybe(About),
    timeZone: maybe(About),
    instanceId: maybe(About),
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

/** `at /client/id: must be …`, as the reference gateway's clients see it. */
const describeIssue = (error: Schema.SchemaError): string => shortened(problemOf(error), ISSUE_CHARS)

/** Longer texts repeat what the client has sent. */
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

/** Fails with what is wrong. */
export const readConnect = (params: unknown, strict: boolean): Result.Result<Connect, string> => {
  if (strict) {
    const read = readStrict(params)
    if (Result.isFailure(read)) return Result.fail(describeIssue(read.failure))
  }
  return Result.mapError(readOpen(params), describeIssue)
}

/** Where the client stood, if it has been here before. */
export const resumed = ({ resume }: Pick<Connect, "resume">) =>
  typeof resume === "object" && resume !== null ? resume : undefined

export const protocols = [3, 4] as const
export type Protocol = (typeof protocols)[number]

/** The newest that both speak. */
export const negotiate = ({ maxProtocol, minProtocol }: Pick<Connect, "minProtocol" | "maxProtocol">) =>
  protocols.findLast((protocol) => minProtocol <= protocol && protocol <= maxProtocol)

/** Control Center sends itself as an operator of protocol 3 under this id, see Frames.ts. */
export const isControlCenter = ({ client, maxProtocol }: Connect): boolean =>
  client.id === "control-center" && maxProtocol === 3

/** Characters of what a client says of itself, as lists show it and devices are kept. */
const SHOWN = 96

/** Returns `undefined` for an empty text. */
export const shown = (text: string | null | undefined): string | undefined =>
  cut(text?.trim() ?? "", SHOWN) || undefined

/** What it is called in lists. */
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

/** The scopes asked for that there are, and those that there are not, each once. */
export const scopesOf = ({ scopes }: Pick<Connect, "scopes">) => {
  const asked = [...new Set(scopes ?? [])]
  return { known: asked.filter((scope) => isScope(scope)), unknown: asked.filter((scope) => !isScope(scope)) }
}
