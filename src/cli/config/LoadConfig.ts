/**
 * LoadConfig: reads the options from flags, the environment, secret files and the configuration file, in this order of
 * precedence. An invalid option ends the command with a line that names its source. The commands that need the gateway's
 * address, token or state folder use it.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { resolvePath } from "../../services/storage/StateFolder.ts"
import { type ConfigFile, placeOf, read } from "./ConfigFile.ts"
import { configOptions } from "./ConfigOptions.ts"
import { type Environment, processEnvironment } from "./Environment.ts"
import { type CommandFailed, usageError } from "../terminal/ExitCode.ts"
import { suggestions } from "../../domain/Suggestions.ts"
import { type KeyFiles, readKeyFiles, type Tree, withKeys } from "./KeyReferences.ts"
import { readSecrets, type SecretTexts } from "./SecretFiles.ts"
import { ownVariables, upstreamIn } from "./UpstreamVariables.ts"

export interface Sources {
  /** By flag name, without dashes. */
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly environment: Environment
  readonly file?: Pick<ConfigFile, "name" | "content"> | undefined
  readonly secrets?: SecretTexts | undefined
  readonly keyFiles?: KeyFiles | undefined
}

const decode = Schema.decodeUnknownResult(GatewaySettings, { errors: "all", onExcessProperty: "error" })

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

interface Given {
  readonly tree: Tree
  /** The names of the sources by option, for messages. */
  readonly origins: ReadonlyMap<string, string>
  /** ` is "x"` by option, for messages. */
  readonly values: ReadonlyMap<string, string>
}

/** Returns the options as the sources give them. */
const givenBy = ({ flags, file, secrets, ...sources }: Sources): Result.Result<Given, CommandFailed> => {
  const environment = ownVariables(sources.environment)
  let tree: Tree = {}
  if (file !== undefined) {
    const fileOptions = optionsInFile(file.content)
    if (fileOptions === undefined) {
      return Result.fail(usageError(`${file.name} has no options`, "write `name: value` lines"))
    }
    tree = fileOptions
  }
  const origins = new Map<string, string>()
  const values = new Map<string, string>()
  for (const option of configOptions) {
    const given =
      fromFlag(option.flag, flags) ??
      fromEnvironment(option.environment, environment) ??
      secrets?.get(option.path.join("."))
    if (given === undefined) continue
    tree = put(tree, option.path, option.fromText(given.text))
    origins.set(option.path.join("."), given.name)
    // Records hold secrets.
    if (!option.secret && option.fields === undefined)
      values.set(option.path.join("."), ` is ${JSON.stringify(given.text)}`)
  }
  const upstream = upstreamIn(sources.environment)
  if (upstream !== undefined) {
    const fleet = Predicate.isReadonlyObject(tree["fleet"]) ? tree["fleet"] : {}
    const upstreams: ReadonlyArray<unknown> = Array.isArray(fleet["upstreams"]) ? fleet["upstreams"] : []
    tree = put(tree, ["fleet", "upstreams"], [...upstreams, upstream.entry])
    const entry = `fleet.upstreams.${upstreams.length}`
    origins.set(entry, upstream.origin)
    for (const [field, origin] of Object.entries(upstream.fieldOrigins)) origins.set(`${entry}.${field}`, origin)
  }
  return Result.succeed({ tree, origins, values })
}

/** Returns the settings of the sources, or all their problems. */
export const settingsFrom = (sources: Sources): Result.Result<GatewaySettings, CommandFailed> =>
  Result.flatMap(givenBy(sources), (given) => decodeGiven(given, sources))

const decodeGiven = (
  { origins, tree, values }: Given,
  { environment, file, keyFiles = new Map() }: Sources,
): Result.Result<GatewaySettings, CommandFailed> =>
  Result.mapError(decode(withKeys(tree, environment, keyFiles)), (error) => {
    const problems = issuesOf(error.issue).issues.map(({ message, path = [] }) => {
      // An item of a list or a record comes from the variable or flag of the whole.
      const names = path.map(String)
      const given = names.findLastIndex((_, i) => origins.has(names.slice(0, i + 1).join("."))) + 1
      const isItem = given > 0
      const key = (isItem ? names.slice(0, given) : names).join(".")
      const place = isItem && names.length > given ? ` (${names.slice(given).join(".")})` : ""
      const origin = origins.has(key) ? `${origins.get(key)}${isRecord(key) ? place : ""}` : `${key} in ${file?.name}`
      return message === "Expected no excess property"
        ? `unknown option ${origin}${suggestion(key)}`
        : `${origin}${values.get(key) ?? ""}: ${message.replace(/^E/, "e")}`
    })
    return usageError(problems.join("; "), "see docs/configuration.md for the options and their values")
  })

const isRecord = (key: string): boolean =>
  configOptions.some(({ fields, path }) => fields !== undefined && path.join(".") === key)

/** Returns the names of all options. The name of an entry is that in `name`, so that its fields are similar to it. */
const namesLike = (name: string): ReadonlyArray<string> =>
  configOptions.flatMap(({ fields = [], path }) => {
    const entry = `${path.join(".")}.${name.split(".")[path.length]}`
    return [path.join(".")].concat(fields.map((field) => `${entry}.${field.path.join(".")}`))
  })

/** Returns ` (did you mean "x"?)`, or an empty text if no option is similar. */
const suggestion = (name: string): string => {
  const [similar] = suggestions(name, namesLike(name))
  return similar === undefined ? "" : ` (did you mean "${similar}"?)`
}

/** Options are at the top level of the file, or under `gateway` if other programs read the file too. */
const optionsInFile = (content: unknown): Tree | undefined => {
  if (content === null || content === undefined) return {}
  if (!Predicate.isReadonlyObject(content)) return undefined
  const { gateway = {}, ...top } = content
  return Predicate.isReadonlyObject(gateway) ? { ...top, ...gateway } : undefined
}

const put = (tree: Tree, [key = "", ...rest]: ReadonlyArray<string>, value: unknown): Tree => {
  const child = tree[key]
  return {
    ...tree,
    [key]: rest.length === 0 ? value : put(Predicate.isReadonlyObject(child) ? child : {}, rest, value),
  }
}

const fromFlag = (flag: string | undefined, flags: Sources["flags"]) => {
  const text = flag === undefined ? undefined : flags[flag]
  return text === undefined ? undefined : { name: `--${flag}`, text }
}

/** An empty variable counts as not set: Docker Compose and similar tools leave variables out this way. */
const fromEnvironment = (names: ReadonlyArray<string>, environment: Environment) =>
  names.map((name) => ({ name, text: environment[name] ?? "" })).find(({ text }) => text !== "")

/** Returns the settings of all sources. `changed` takes the place of the configuration file, before it is written. */
export const loadConfig = Effect.fn("loadConfig")(function* (
  flags: Sources["flags"],
  environment: Environment = processEnvironment,
  changed?: ConfigFile,
) {
  const file = changed ?? (yield* read(placeOf(flags, environment)))
  const secrets = yield* readSecrets(ownVariables(environment))
  const sources = { flags, environment, file, secrets }
  const given = yield* Effect.fromResult(givenBy(sources))
  const keyFiles = yield* readKeyFiles(given.tree)
  const settings = yield* Effect.fromResult(decodeGiven(given, { ...sources, keyFiles }))
  // An unknown user id, as in some containers, has no home folder.
  yield* Effect.try({
    try: () => resolvePath(settings.stateDir),
    catch: () =>
      usageError(`this user has no home folder for ${settings.stateDir}`, "set GATEWAY_STATE_DIR, HOME or --state-dir"),
  })
  return settings
})
