/**
 * FleetSettings: the options of the fleet, `fleet` in the configuration. GatewayConfig.ts has them, and the service folder
 * `fleet` connects to each upstream gateway.
 */
import * as Schema from "effect/Schema"
import { Scope } from "./Principal.ts"
import { EntryName, isUrl, option, optional, secret } from "./Setting.ts"

const REMEDY = "the token belongs into token"
const IsGateway = isUrl(/^(wss?|https?):$/, "ws://10.0.0.2:18789/", REMEDY)
const IsRestAddress = isUrl(/^https?:$/, "http://10.0.0.2:18789/api/agents", REMEDY)

export const UpstreamSettings = Schema.Struct({
  name: EntryName.annotateKey({ description: "The name of the gateway here. Its agents are called `<name>:<agent>`." }),
  url: Schema.String.check(IsGateway).annotateKey({
    description: "The address of its WebSocket, e.g. ws://10.0.0.2:18789/ or wss://gateway.example.org/.",
  }),
  token: optional(
    secret("token of an upstream gateway"),
    "Its token. Left out: this gateway pairs as a device, and an operator there approves it once.",
  ),
  tokenFile: optional(
    Schema.NonEmptyString,
    "A file with the token on one line. The command line reads it at the start.",
  ),
  tokenVariable: optional(
    Schema.NonEmptyString,
    "The environment variable with the token. The command line reads it at the start.",
  ),
  pollUrl: optional(
    Schema.String.check(IsRestAddress),
    "The REST address of its agents, e.g. http://10.0.0.2:18789/api/agents. The fleet reads it while the WebSocket does not answer for 30 seconds.",
  ),
  pollMs: option(
    Schema.Int.check(Schema.isBetween({ minimum: 500, maximum: 3_600_000 })),
    5_000,
    "The pause between two reads of that address.",
  ),
  fingerprint: optional(
    Schema.NonEmptyString,
    "The SHA-256 fingerprint of its certificate, if no authority has signed it. Requires wss.",
  ),
  scopes: option(
    Schema.Array(Scope),
    ["operator.read", "operator.write"],
    "The rights to request there. Without operator.write, its agents can be seen but neither used nor commanded.",
  ),
})
export type UpstreamSettings = typeof UpstreamSettings.Type

/** The gateway of the made-up agents. */
export const DEMO = "demo"

const HaveOwnNames = Schema.makeFilter((upstreams: ReadonlyArray<UpstreamSettings>) => {
  const names = upstreams.map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (names.includes(DEMO)) return `has a gateway with the name "${DEMO}", which belongs to the option fleet.demo`
  return twice === undefined ? undefined : `has two gateways with the name "${twice}"`
})

export const FleetSettings = Schema.Struct({
  upstreams: option(
    Schema.Array(UpstreamSettings).check(Schema.isMaxLength(64), HaveOwnNames),
    [],
    "The OpenClaw gateways whose agents the fleet shows and uses. docs/fleet.md describes it.",
  ),
  demo: option(
    Schema.Boolean,
    false,
    "Shows eleven made-up agents, `demo:otto` and others, while no upstream gateway answers. For the development of dashboards.",
  ),
})
export type FleetSettings = typeof FleetSettings.Type
