/**
 * Setup: connects the agents of a gateway to a source of answers. It asks for a first reply with the changed configuration,
 * and writes the configuration file only after it. SetupDialogue.ts and `causeway setup` use it.
 */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { withoutTrailing } from "../../domain/Text.ts"
import type { ModelFacts } from "../../services/models/ModelProvider.ts"
import { statePaths } from "../../services/storage/StateFolder.ts"
import { isHeld } from "../../services/storage/StateLock.ts"
import { type ConfigChange, edited } from "../config/ConfigEdit.ts"
import * as ConfigFile from "../config/ConfigFile.ts"
import type { Environment } from "../config/Environment.ts"
import { loadConfig, type Sources } from "../config/LoadConfig.ts"
import { CommandFailed, ExitCode } from "../terminal/ExitCode.ts"
import { firstReply } from "./FirstReply.ts"
import { checkProvider, hasNoList } from "./ProviderChecks.ts"
import type { Source } from "./SetupSources.ts"

/** The place of the configuration to change. */
export interface SetupPlace {
  readonly flags: Sources["flags"]
  readonly environment: Environment
}

export interface Connected {
  readonly source: Source
  /** `provider/model`, or the runtime of a command-line agent. */
  readonly model: string
  readonly text: string
  readonly durationMs: number
  readonly configFile: string
  /** Whether a gateway runs that has not read the file yet. */
  readonly isRunning: boolean
}

/** The problem has its own next step. */
const unchanged = (problem: string) =>
  new CommandFailed({
    problem: withoutTrailing(problem, "."),
    remedy: "Nothing was changed.",
    exitCode: ExitCode.failed,
  })

const placeOf = Effect.fnUntraced(function* ({ environment, flags }: SetupPlace) {
  const place = ConfigFile.placeOf(flags, environment)
  return place ?? (yield* unchanged("this user has no home folder for the configuration: name a file with --config"))
})

/** Returns the changed file and the settings that follow from it. */
const changed = Effect.fnUntraced(function* (place: SetupPlace, changes: ReadonlyArray<ConfigChange>) {
  const file = yield* placeOf(place)
  const exists = yield* ConfigFile.exists(file)
  const text = exists ? ((yield* ConfigFile.read(file))?.text ?? "") : ""
  const next = yield* ConfigFile.parsed(file.name, yield* edited(file.name, text, changes))
  const settings = yield* loadConfig(place.flags, place.environment, next)
  return { file, settings, text: next.text }
})

const holdsKey = ({ fields }: Source): boolean => Redacted.isRedacted(fields?.["apiKey"])

/** Returns the change that adds the entry, or none if the configuration has it. */
const entryOf = ({ entry, fields, option }: Source): ReadonlyArray<ConfigChange> => {
  if (fields === undefined) return []
  const value = Object.entries(fields).map(([name, field]) => [
    name,
    Redacted.isRedacted(field) ? Redacted.value(field) : field,
  ])
  return [{ option, entry, value: Object.fromEntries(value) }]
}

/** Agents use the option `model` before the option `runtime`. */
const choiceOf = ({ id, option }: Source, model: string): ReadonlyArray<ConfigChange> =>
  option === "providers"
    ? [{ option: "model", value: model }]
    : [
        { option: "model", value: undefined },
        { option: "runtime", value: id },
      ]

/** Returns the models of a provider for conversations, best first. Empty if the provider lists none. */
export const modelsOf = Effect.fn("Setup.modelsOf")(function* (place: SetupPlace, source: Source) {
  const { settings } = yield* changed(place, entryOf(source))
  const { suitable } = yield* Effect.promise(() => import("../../services/models/DefaultModel.ts"))
  const models = yield* checkProvider(settings, source.entry).pipe(
    Effect.catchIf(hasNoList, () => Effect.succeed<ReadonlyArray<ModelFacts>>([])),
    Effect.mapError(({ message }) => unchanged(message)),
  )
  return suitable(source.entry, models)
})

/** A variable wins over the file, so the change would have no effect. */
const requireEffect = Effect.fnUntraced(function* (source: Source, model: string, settings: GatewaySettings) {
  const isEntry = settings[source.option][source.entry] !== undefined
  const isChosen =
    source.option === "providers" ? settings.model === model : settings.model === "" && settings.runtime === source.id
  if (isEntry && isChosen) return
  const variable = isEntry ? "GATEWAY_MODEL or GATEWAY_RUNTIME" : `GATEWAY_${source.option.toUpperCase()}`
  return yield* unchanged(`the variable ${variable} overrides the configuration file: unset it, and try again`)
})

/** Asks for a first reply, and writes the configuration. `model` is `provider/model`; command-line agents need none. */
export const connect = Effect.fn("Setup.connect")(function* (place: SetupPlace, source: Source, model = "") {
  const { file, settings, text } = yield* changed(place, [...entryOf(source), ...choiceOf(source, model)])
  yield* requireEffect(source, model, settings)
  const reply = yield* Effect.mapError(firstReply(settings), (error) =>
    unchanged(error._tag === "RunNotDone" ? (error.error?.message ?? error.message) : error.message),
  )
  const configFile = yield* ConfigFile.write(file, text, holdsKey(source))
  const isRunning = isHeld(statePaths(settings.stateDir).lockFile)
  return { source, model: model === "" ? source.id : model, ...reply, configFile, isRunning } satisfies Connected
})
