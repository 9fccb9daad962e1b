/**
 * `causeway start`: the gateway as a process. It says where it listens and what to try, and ends when it is asked to:
 * the first signal drains it, a second one ends it at once.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import { GatewayConfig, type GatewaySettings } from "../domain/GatewayConfig.ts"
import { VERSION } from "../domain/Version.ts"
import * as Gateway from "../Gateway.ts"
import { StateFolder } from "../services/StateFolder.ts"
import { ListeningAddress } from "../transport/GatewayServer.ts"
import { ExitCode } from "./ExitCode.ts"
import { loadConfig, processEnvironment, settingsFrom, type Sources } from "./LoadConfig.ts"
import { localUrl } from "./LocalUrl.ts"
import * as YoungGeneration from "./YoungGeneration.ts"

const DEFAULTS = Result.getOrThrow(settingsFrom({ flags: {}, environment: {} }))

const announce = Effect.gen(function* () {
  const settings = yield* GatewayConfig
  const { host, port } = yield* ListeningAddress
  const { tokenFile } = yield* StateFolder
  const url = localUrl({ host, port })
  const command = (words: string) => [thisCommand, words, ...targetFlags(settings, url)].join(" ")
  yield* Console.log(`Causeway ${VERSION} listens on ${url}

  token   ${whereTokenIs(settings, tokenFile)}
  talk    ${command('send "hello"')}
  look    ${command("status")}
  stop    Ctrl-C
`)
  YoungGeneration.release()
})

/** How a person calls this program. npm puts it in no path, and says in the environment that it is the one who runs it. */
const thisCommand = processEnvironment["npm_command"] === undefined ? "causeway" : "npx causeway"

/** The flags by which a client finds this gateway and its token, if it is not where clients look. */
const targetFlags = ({ port, stateDir }: GatewaySettings, url: string): ReadonlyArray<string> => [
  ...(port === DEFAULTS.port ? [] : ["--url", url]),
  ...(stateDir === DEFAULTS.stateDir ? [] : ["--state-dir", stateDir]),
]

const whereTokenIs = ({ auth, token }: GatewaySettings, file: string): string => {
  if (auth === "none") return "none: everybody on this machine may connect"
  return token === undefined ? `kept in ${file}` : "the one that was configured"
}

/** What runMain makes of the second signal, an interruption of what is already interrupted, would change nothing. */
const endAtSecondSignal = Effect.acquireRelease(
  Effect.sync(() => {
    let signals = 0
    const onSignal = () => {
      if (++signals > 1) process.exit(ExitCode.failed)
    }
    process.on("SIGINT", onSignal).on("SIGTERM", onSignal)
    return onSignal
  }),
  (onSignal) => Effect.sync(() => process.off("SIGINT", onSignal).off("SIGTERM", onSignal)),
)

export const start = Effect.fn("causeway start")(function* (flags: Sources["flags"]) {
  const settings = yield* loadConfig(flags)
  if (!settings.enabled) return yield* Console.log("The gateway is not enabled (option `enabled`).")
  yield* endAtSecondSignal
  return yield* Layer.launch(
    Layer.effectDiscard(announce).pipe(
      Layer.provide(Gateway.layer),
      Layer.provide(Layer.succeed(GatewayConfig, settings)),
    ),
  ).pipe(
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        process.exitCode = ExitCode.ok
      }),
    ),
  )
}, Effect.scoped)
