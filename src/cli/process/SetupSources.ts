/**
 * SetupSources: finds the sources of answers that a machine has, and chooses one for a script: the providers and agents of
 * the configuration, keys in the environment, servers on this machine, and command-line agents on the PATH. The setup uses
 * it.
 */
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { FoundProvider, FoundServer } from "../../services/models/Discovery.ts"
import { agentsIn } from "../../services/runtimes/acp/AcpDiscovery.ts"
import { suggestions } from "../../domain/Suggestions.ts"
import { usageError } from "../terminal/ExitCode.ts"
import type { Environment } from "../config/Environment.ts"

/** A provider of models, or a command-line agent. */
export interface Source {
  /** The name on the command line: that of the provider, or `acp/<name>`. */
  readonly id: string
  readonly option: "providers" | "acp"
  /** The name of its entry in the option. */
  readonly entry: string
  /** The name of the service or program, for people. */
  readonly label: string
  /** Where it was found, for people. */
  readonly place: string
  /** The fields of a new entry. They hold no secret, except a key that the user has typed. `undefined`: there is one. */
  readonly fields: Readonly<Record<string, unknown>> | undefined
  /** The variable with its key, which the gateway reads at every start. */
  readonly variable?: string | undefined
  /** The npm package that the first start downloads. */
  readonly downloads?: string | undefined
}

/** Returns only the fields that have a value. */
const given = (fields: Readonly<Record<string, unknown>>) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

/** Returns the service or server. `openai` is the default kind and needs no field. */
export const ofProvider = (
  { apiKeyVariable, baseUrl, kind, label, name }: FoundProvider,
  place: string,
  key?: Redacted.Redacted<string>,
): Source => ({
  id: name,
  option: "providers",
  entry: name,
  label,
  place,
  fields: given({ kind: kind === "openai" ? undefined : kind, baseUrl, apiKeyVariable, apiKey: key }),
  variable: apiKeyVariable,
})

const ofServer = (server: FoundServer): Source => {
  const count = server.models.length
  return ofProvider(server, `${new URL(server.baseUrl ?? "").host}, ${count} model${count === 1 ? "" : "s"}`)
}

const PLACE_CONFIGURED = "in the configuration"

const configured = ({ acp, providers }: GatewaySettings): ReadonlyArray<Source> => [
  ...Object.entries(providers).map(([entry, { apiKeyVariable }]): Source => ({
    id: entry,
    option: "providers",
    entry,
    label: entry,
    place: PLACE_CONFIGURED,
    fields: undefined,
    variable: apiKeyVariable,
  })),
  ...Object.keys(acp).map((entry): Source => ({
    id: `acp/${entry}`,
    option: "acp",
    entry,
    label: `acp/${entry}`,
    place: PLACE_CONFIGURED,
    fields: undefined,
  })),
]

const agents = (environment: Environment): ReadonlyArray<Source> =>
  agentsIn(environment["PATH"] ?? "").map(({ downloads, label, name, settings }) => ({
    id: `acp/${name}`,
    option: "acp",
    entry: name,
    label,
    place: downloads === undefined ? settings.command : `npx downloads ${downloads}`,
    fields: settings,
    downloads,
  }))

/** Asks servers on their usual ports. */
export type FindServers = Effect.Effect<ReadonlyArray<FoundServer>>

/** Returns the sources, best first. An entry of the configuration takes the place of a source with its name. */
export const find = Effect.fn("SetupSources.find")(function* (
  settings: GatewaySettings,
  environment: Environment,
  servers?: FindServers,
) {
  const { keysIn, localServers } = yield* Effect.promise(() => import("../../services/models/Discovery.ts"))
  const own = configured(settings)
  const found = [
    ...keysIn(environment).map((provider) => ofProvider(provider, provider.apiKeyVariable ?? "")),
    ...(yield* servers ?? localServers()).map(ofServer),
    ...agents(environment),
  ]
  return [...own, ...found.filter(({ id }) => own.every((source) => source.id !== id))]
})

const namesOf = (sources: ReadonlyArray<Source>): string => sources.map(({ id }) => id).join(", ")

/** Returns the named source, else with `yes` the first that downloads nothing. Fails if no source is left. */
export const choose = Effect.fnUntraced(function* (
  sources: ReadonlyArray<Source>,
  provider: string | undefined,
  yes: boolean,
) {
  if (sources.length === 0) {
    return yield* usageError(
      "found no key in the environment, no model server on this machine and no command-line agent",
      "set a variable such as OPENAI_API_KEY, start a server such as Ollama, or see docs/models.md",
    )
  }
  if (provider !== undefined) {
    const named = sources.find(({ id }) => id === provider)
    if (named !== undefined) return named
    const [similar] = suggestions(
      provider,
      sources.map(({ id }) => id),
    )
    const found = similar === undefined ? `Choose one of these: ${namesOf(sources)}.` : `Did you mean "${similar}"?`
    return yield* usageError(`found no provider "${provider}"`, found)
  }
  const first = sources.find(({ downloads }) => downloads === undefined)
  if (yes && first !== undefined) return first
  return yield* usageError(
    `found ${namesOf(sources)}`,
    `choose one with --provider${first === undefined ? "" : ", or the first with --yes"}`,
  )
})
