/**
 * Serve: the gateway as a process, which `causeway start` runs. It prints its address and commands to try. It ends when
 * a signal asks for it, or when it has lost its state folder; Signals.ts has the rules.
 */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Queue from "effect/Queue"
import * as Result from "effect/Result"
import { GatewayConfig, type GatewaySettings } from "../../domain/GatewayConfig.ts"
import { VERSION } from "../../domain/Version.ts"
import * as Gateway from "../../Gateway.ts"
import * as ConfigReload from "../../services/system/ConfigReload.ts"
import { StateFolder } from "../../services/storage/StateFolder.ts"
import { ListeningAddress } from "../../transport/http/GatewayServer.ts"
import { isRunByNpm, processEnvironment } from "../config/Environment.ts"
import { ExitCode } from "../terminal/ExitCode.ts"
import { loadConfig, settingsFrom, type Sources } from "../config/LoadConfig.ts"
import { localUrl } from "../client/LocalUrl.ts"
import * as Signals from "./Signals.ts"
import * as StandardStreams from "./StandardStreams.ts"
import * as HeapTuning from "./HeapTuning.ts"

const DEFAULTS = Result.getOrThrow(settingsFrom({ flags: {}, environment: {} }))

const announce = Effect.fnUntraced(function* (configFile: string | undefined) {
  const settings = yield* GatewayConfig
  const { host, port } = yield* ListeningAddress
  const { tokenFile } = yield* StateFolder
  const url = localUrl({ basePath: settings.basePath, host, port })
  const command = (words: string) => [thisCommand, words, ...targetFlags(settings, url, configFile)].join(" ")
  yield* Console.log(`Causeway ${VERSION} listens on ${url}

  token   ${whereTokenIs(settings, tokenFile)}
  say     ${command('send "hello"')}
  talk    ${command("chat")}
  look    ${command("status")}
  stop    Ctrl-C
`)
  HeapTuning.restore()
})

/** How a person calls this program: by npx it may be in no path, and if npx has fetched it, in no folder of theirs. */
const commandOf = (script: string, byNpm: boolean): string => {
  if (/[/\\]_npx[/\\]/.test(script)) return "npx @causeway/gateway"
  return byNpm || script.endsWith(".ts") ? "npx causeway" : "causeway"
}

const thisCommand = commandOf(process.argv[1] ?? "", processEnvironment["npm_command"] !== undefined)

/** As a shell reads it. */
const quoted = (text: string): string => (/^[\w.,:/~@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`)

/** The flags by which a client finds this gateway and its token, if it is not where clients look. */
const targetFlags = (
  { basePath, port, stateDir }: GatewaySettings,
  url: string,
  configFile: string | undefined,
): ReadonlyArray<string> => [
  // The file may hold the token, which stands on no command line.
  ...(configFile === undefined ? [] : ["--config", quoted(configFile)]),
  ...(port === DEFAULTS.port && basePath === DEFAULTS.basePath ? [] : ["--url", url]),
  ...(stateDir === DEFAULTS.stateDir ? [] : ["--state-dir", quoted(stateDir)]),
]

const whereTokenIs = ({ auth, token }: GatewaySettings, file: string): string => {
  if (auth === "none") return "none: everybody on this machine may connect"
  return token === undefined ? `kept in ${file}` : "the one that was configured"
}

/** Carries out a SIGHUP: see docs/operating.md. A configuration that does not fit changes nothing. */
const reload = (flags: Sources["flags"]) =>
  loadConfig(flags).pipe(
    Effect.flatMap(ConfigReload.reload),
    Effect.catch((error) => Effect.logError(`the configuration was not reloaded: ${error.message}`)),
    Effect.withSpan("causeway reload"),
  )

export const serve = Effect.fn("causeway start")(function* (flags: Sources["flags"]) {
  const settings = yield* loadConfig(flags)
  if (!settings.enabled) return yield* Console.log("The gateway is not enabled (option `enabled`).")
  const streams = StandardStreams.takeOver()
  const hangUps = yield* Signals.hangUps
  yield* Signals.boundedEnd(settings.drainMs, isRunByNpm)
  if (isRunByNpm) yield* Signals.endWithParent
  const gateway = Gateway.layer.pipe(Layer.provideMerge(Layer.succeed(GatewayConfig, settings)))
  return yield* Effect.gen(function* () {
    const runFork = Effect.runForkWith(yield* Effect.context())
    streams.onGap = (lines) => void runFork(Effect.logWarning(`standard error did not take ${lines} lines of the log`))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(hangUps), reload(flags))))
    yield* announce(flags["config"])
    return yield* (yield* StateFolder).lost.pipe(
      Effect.tapError(() => Effect.sync(() => Signals.endInTime(settings.drainMs, ExitCode.failed))),
    )
  }).pipe(
    Effect.provide(gateway),
    Effect.provideService(Console.Console, streams.console),
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        process.exitCode = ExitCode.ok
      }),
    ),
  )
}, Effect.scoped)
