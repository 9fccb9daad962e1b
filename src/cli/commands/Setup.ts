/**
 * `causeway setup`: connects agents to a model or a command-line agent. It loads its code at the run only, because it
 * starts a gateway in memory for a first reply.
 */
import * as Command from "effect/cli/Command"
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import type { Connected } from "../process/Setup.ts"
import * as Flags from "../client/Flags.ts"
import { processEnvironment } from "../config/Environment.ts"
import { loadConfig } from "../config/LoadConfig.ts"
import { usageError } from "../terminal/ExitCode.ts"
import { joined, print, show } from "../terminal/Output.ts"
import { commandLine, placeFlags } from "../process/ThisCommand.ts"

export const setup = Command.make(
  "setup",
  {
    provider: Flags.text("provider", "The provider or agent to use, e.g. openai, ollama or acp/qwen. Asks nothing."),
    model: Flags.text("model", "The provider's name of the model. Default: a suitable one of its list."),
    yes: Flags.first,
    json: Flags.json,
    "state-dir": Flags.stateDir,
    config: Flags.config,
  },
  Effect.fnUntraced(function* ({ json, model: modelFlag, provider: providerFlag, yes, ...placeFlagsGiven }) {
    const flags = Flags.given(placeFlagsGiven)
    const { model, provider } = Flags.given({ model: modelFlag, provider: providerFlag })
    const place = { flags, environment: processEnvironment }
    const settings = yield* loadConfig(flags)
    const [{ choose, find }, Setup, Dialogue] = yield* Effect.promise(() =>
      Promise.all([
        import("../process/SetupSources.ts"),
        import("../process/Setup.ts"),
        import("../process/SetupDialogue.ts"),
      ]),
    )
    const sources = yield* find(settings, place.environment)
    const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities

    const scripted = Effect.gen(function* () {
      const source = yield* choose(sources, provider, yes)
      if (source.option === "acp") {
        if (!json) yield* Dialogue.noteTry(source, undefined)
        return yield* Setup.connect(place, source)
      }
      const name = model ?? (yield* Setup.modelsOf(place, source))[0]?.id
      if (name === undefined) return yield* usageError(`${source.label} lists no models`, "name one with --model")
      const id = `${source.entry}/${name}`
      if (!json) yield* Dialogue.noteTry(source, id)
      return yield* Setup.connect(place, source, id)
    })
    const connected =
      provider === undefined && !yes && !json && canPrompt
        ? yield* Dialogue.converse(place, sources, { message: "Which of these shall answer the messages to agents?" })
        : yield* scripted
    if (connected === undefined) return yield* print("Nothing was changed.")
    yield* show(json, resultOf(connected), () =>
      joined([Dialogue.resultPage(connected), nextStep(connected, flags)], "\n"),
    )
  }),
).pipe(
  Command.withDescription(
    "Connect agents to a model. Finds keys in the environment, model servers on this machine and command-line agents on the PATH. Asks which to use, asks it for a first reply, and writes the configuration file. Keys in variables stay there. Comments in the file stay.",
  ),
  Command.withShortDescription("Connect agents to a model."),
  Command.withExamples([
    { command: "causeway setup", description: "Choose from the models and agents of this machine" },
    { command: "causeway setup --provider ollama --model qwen3:8b", description: "Use a model without questions" },
    { command: "causeway setup --yes --json", description: "Use the first that is found, for a script" },
  ]),
)

const resultOf = ({ configFile, durationMs, isRunning, model, source, text }: Connected) => ({
  provider: source.id,
  model,
  text,
  durationMs,
  configFile,
  restartNeeded: isRunning,
})

const nextStep = ({ isRunning }: Connected, flags: Readonly<Record<string, string | undefined>>): string => {
  const start = commandLine("start", placeFlags(flags))
  return isRunning
    ? `Restart the running gateway, so that it reads the file: stop it, then run ${start}`
    : `Start the gateway: ${start}`
}
