/**
 * LoadConfig: the options from flags, the environment, files of secrets and the configuration file, in this order, and
 * the defaults. An option that does not fit ends the command with a line that says where it was found.
 */
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import { readFile } from "node:fs/promises"
import { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { resolvePath } from "../../services/storage/StateFolder.ts"
import { configOptions } from "./ConfigOptions.ts"
import { type Environment, processEnvironment } from "./Environment.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import { readSecrets, type SecretTexts } from "./SecretFiles.ts"

export interface Sources {
  /** By flag name, without dashes. */
  readonly flags: Readonly<Record<string, string | undefined>>
  readonly environment: Environment
  readonly file?: { readonly name: string; readonly content: unknown } | undefined
  readonly secrets?: SecretTexts | undefined
}

type Tree = { readonly [key: string]: unknown }

/** Nothing that trying again would mend: it ends as a wrong command line does. */
const misfit = (problem: string, remedy: string) => new CommandFailed({ problem, remedy, exitCode: ExitCode.usage })

const decode = Schema.decodeUnknownResult(GatewaySettings, { errors: "all", onExcessProperty: "error" })

const issuesOf = SchemaIssue.makeFormatterStandardSchemaV1()

/** The settings that the sources amount to, or everything in them that does not fit. */
export const settingsFrom = ({
  flags,
  environment,
  file,
  secrets,
}: Sources): Result.Result<GatewaySettings, CommandFailed> => {
  let tree: Tree = {}
  if (file !== undefined) {
    const written = optionsInFile(file.content)
    if (written === undefined) {
      return Result.fail(misfit(`${file.name} holds no options`, "write `name: value` lines"))
    }
    tree = written
  }
  const origins = new Map<string, string>()
  const shown = new Map<string, string>()
  for (const option of configOptions) {
    const given =
      fromFlag(option.flag, flags) ??
      fromEnvironment(option.environment, environment) ??
      secrets?.get(option.path.join("."))
    if (given === undefined) continue
    tree = put(tree, option.path, option.fromText(given.text))
    origins.set(option.path.join("."), given.name)
    if (!option.secret) shown.set(option.path.join("."), ` is ${JSON.stringify(given.text)}`)
  }
  return Result.mapError(decode(tree), (error) => {
    const problems = issuesOf(error.issue).issues.map(({ message, path = [] }) => {
      // An entry of a list was given by the variable or flag of the list.
      const key = (origins.has(String(path[0])) ? path.slice(0, 1) : path).map(String).join(".")
      const origin = origins.get(key) ?? `${key} in ${file?.name}`
      return message === "Expected no excess property"
        ? `${origin} is no option`
        : `${origin}${shown.get(key) ?? ""}: ${message.replace(/^E/, "e")}`
    })
    return misfit(problems.join("; "), "see docs/configuration.md for the options and what fits them")
  })
}

/** Options stand at the top of the file, or under `gateway` where the file has other readers, too. */
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

/** A variable that is set to nothing counts as not set: that is how composed environments leave one out. */
const fromEnvironment = (names: ReadonlyArray<string>, environment: Environment) =>
  names.map((name) => ({ name, text: environment[name] ?? "" })).find(({ text }) => text !== "")

/** YAML is loaded only where a file is configured: most gateways start without one. */
const readYaml = Effect.fnUntraced(function* (name: string) {
  const failed = (problem: string, remedy: string) => misfit(`${name} ${problem}`, remedy)
  const text = yield* Effect.tryPromise({
    try: () => readFile(resolvePath(name), "utf8"),
    catch: (error) =>
      failed(
        `cannot be read (${Predicate.hasProperty(error, "code") ? String(error.code) : "unknown"})`,
        "correct the path given by --config or GATEWAY_CONFIG",
      ),
  })
  const { parse } = yield* Effect.promise(() => import("yaml"))
  const content = yield* Effect.try({
    try: (): unknown => parse(text),
    catch: (error) =>
      failed(`is not YAML (${error instanceof Error ? firstLine(error.message) : "unreadable"})`, "correct the file"),
  })
  return { name, content }
})

const firstLine = (text: string) => text.split("\n", 1)[0]?.replace(/:$/, "") ?? ""

export const loadConfig = Effect.fn("loadConfig")(function* (
  flags: Sources["flags"],
  environment: Environment = processEnvironment,
) {
  const path = flags["config"] ?? fromEnvironment(["GATEWAY_CONFIG"], environment)?.text
  const file = path === undefined ? undefined : yield* readYaml(path)
  const secrets = yield* readSecrets(environment)
  const settings = yield* Effect.fromResult(settingsFrom({ flags, environment, file, secrets }))
  // Under a user id that the machine does not know, as in some containers, `~` is nowhere.
  yield* Effect.try({
    try: () => resolvePath(settings.stateDir),
    catch: () =>
      misfit(`this user has no home folder for ${settings.stateDir}`, "set GATEWAY_STATE_DIR or HOME, or --state-dir"),
  })
  return settings
})
