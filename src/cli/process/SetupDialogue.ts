/**
 * SetupDialogue: the questions of the setup at a terminal, and the page with its result. SetupOffer.ts and `causeway setup`
 * use it.
 */
import * as Prompt from "effect/cli/Prompt"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { answerLine } from "../terminal/ModelAnswer.ts"
import { faint, note, oneLine, type Page } from "../terminal/Output.ts"
import { type Connected, connect, modelsOf, type SetupPlace } from "./Setup.ts"
import { ofProvider, type Source } from "./SetupSources.ts"

/** Columns of a choice. Longer ones would break the redrawing of the question. */
const CHOICE_COLUMNS = 70

const choice = <A>(title: string, value: A) => ({ title: oneLine(title, CHOICE_COLUMNS), value })

type Answer = Source | "key" | "none"

const askSource = (sources: ReadonlyArray<Source>, message: string) =>
  Prompt.run(
    Prompt.Select<Answer>({
      message,
      choices: [
        ...sources.map((source) => choice<Answer>(`${source.label} (${source.place})`, source)),
        choice<Answer>("Another service, with a key that you enter", "key"),
        choice<Answer>("None for now: agents only echo", "none"),
      ],
    }),
  )

/** Asks for a service and its key. The services of the configuration have theirs. */
const askKey = Effect.fnUntraced(function* ({ environment }: SetupPlace, sources: ReadonlyArray<Source>) {
  const { hosted } = yield* Effect.promise(() => import("../../services/models/Discovery.ts"))
  const services = hosted(environment).filter(({ name }) =>
    sources.every(({ fields, id }) => id !== name || fields !== undefined),
  )
  const service = yield* Prompt.run(
    Prompt.Select({ message: "Which service?", choices: services.map((service) => choice(service.label, service)) }),
  )
  const key = yield* Prompt.run(
    Prompt.Password({
      message: `The key of ${service.label}. It goes into the configuration file, which only you may read`,
      validate: (text) =>
        text.trim() === "" ? Effect.fail("Enter the key, or leave with Ctrl-C.") : Effect.succeed(text.trim()),
    }),
  )
  return ofProvider({ ...service, apiKeyVariable: undefined }, "", Redacted.make(Redacted.value(key)))
})

/** Returns `provider/model`. Asks nothing if there is one model only. */
const askModel = Effect.fnUntraced(function* (place: SetupPlace, source: Source) {
  if (source.option === "acp") return undefined
  const models = yield* modelsOf(place, source)
  const [first] = models
  if (first === undefined) {
    const name = yield* Prompt.run(
      Prompt.String({
        message: `${source.label} lists no models. The name of one`,
        validate: (text) => (text.trim() === "" ? Effect.fail("Enter a name.") : Effect.succeed(text.trim())),
      }),
    )
    return `${source.entry}/${name}`
  }
  const model =
    models.length === 1
      ? first
      : yield* Prompt.run(
          Prompt.AutoComplete({
            message: `Which model of ${source.label}?`,
            choices: models.map((model) => choice(model.id, model)),
          }),
        )
  return `${source.entry}/${model.id}`
})

/** Says what happens, because a local model may take a minute to load. */
export const noteTry = (source: Source, model: string | undefined) =>
  note(faint(`Asking ${model ?? source.id} for a first reply ...`))

/** Asks until a source has replied. Returns `undefined` if the user wants none. `timeout` ends the first question. */
export const converse = Effect.fn("SetupDialogue.converse")(function* (
  place: SetupPlace,
  sources: ReadonlyArray<Source>,
  { message, timeout }: { readonly message: string; readonly timeout?: Duration.Input },
) {
  const ask = askSource(sources, message)
  let answer = timeout === undefined ? yield* ask : Option.getOrUndefined(yield* Effect.timeoutOption(ask, timeout))
  while (answer !== undefined && answer !== "none") {
    const chosen = answer
    const connected = yield* Effect.gen(function* () {
      const source = chosen === "key" ? yield* askKey(place, sources) : chosen
      const model = yield* askModel(place, source)
      yield* noteTry(source, model)
      return yield* connect(place, source, model)
    }).pipe(Effect.catchTag("CommandFailed", ({ message }) => Effect.as(note(`causeway: ${message}`), undefined)))
    if (connected !== undefined) return connected
    answer = yield* askSource(sources, message)
  }
  return undefined
})

/** The lines about a connected source. */
export const resultPage = (connected: Connected): Page => {
  const { configFile, source } = connected
  const variable =
    source.variable === undefined ? "" : ` The gateway reads ${source.variable} from its environment at every start.`
  return `${answerLine(connected)}\nWrote ${configFile}.${variable}`
}
