/**
 * Serve: runs the gateway as a process and prints its address and commands to try. It stops at a signal, by the rules of
 * Signals.ts, or when it loses its state folder or its database. `causeway start` uses it.
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
import { Storage } from "../../services/storage/Storage.ts"
import { StateFolder } from "../../services/storage/StateFolder.ts"
import { ListeningAddress } from "../../transport/http/GatewayServer.ts"
import { TlsCertificate } from "../../transport/http/TlsCertificate.ts"
import { isRunByNpm, processEnvironment } from "../config/Environment.ts"
import { ExitCode } from "../terminal/ExitCode.ts"
import { Connections } from "../../services/connections/Connections.ts"
import { print } from "../terminal/Output.ts"
import { Writer } from "../terminal/Writer.ts"
import { loadConfig, settingsFrom, type Sources } from "../config/LoadConfig.ts"
import { localUrl } from "../client/LocalUrl.ts"
import * as CompileCache from "./CompileCache.ts"
import * as Signals from "./Signals.ts"
import * as StandardStreams from "./StandardStreams.ts"
import { offer } from "./SetupOffer.ts"
import { commandLine, placeFlags, quoted } from "./ThisCommand.ts"
import * as YoungGeneration from "./YoungGeneration.ts"

const DEFAULTS = Result.getOrThrow(settingsFrom({ flags: {}, environment: {} }))

const printBanner = Effect.fnUntraced(function* (flags: Sources["flags"]) {
  const settings = yield* GatewayConfig
  const { host, port } = yield* ListeningAddress
  const { tokenFile } = yield* StateFolder
  const url = localUrl({ basePath: settings.basePath, host, port, tls: settings.tls })
  const command = (args: string) => commandLine(args, targetFlags(settings, url, flags["config"]))
  CompileCache.write()
  yield* print(`Causeway ${VERSION} listens on ${url}

  model   ${modelNote(settings, flags)}
  token   ${tokenNote(settings, tokenFile)}
  send    ${command('send "hello"')}
  chat    ${command("chat")}
  status  ${command("status")}
  stop    Ctrl-C
`)
  YoungGeneration.limit((yield* Connections).size)
})

/** Returns the flags that a client needs to find this gateway and its token. Default places need no flags. */
const targetFlags = (
  { basePath, port, stateDir }: GatewaySettings,
  url: string,
  configFile: string | undefined,
): ReadonlyArray<string> => [
  // The file may hold the token, which must not appear on a command line.
  ...(configFile === undefined ? [] : ["--config", quoted(configFile)]),
  ...(port === DEFAULTS.port && basePath === DEFAULTS.basePath ? [] : ["--url", url]),
  ...(stateDir === DEFAULTS.stateDir ? [] : ["--state-dir", quoted(stateDir)]),
]

/** Returns the source of answers of agents that choose none themselves. */
const modelNote = ({ model, runtime }: GatewaySettings, flags: Sources["flags"]): string => {
  if (model !== "") return model
  return runtime === DEFAULTS.runtime
    ? `none yet, agents only echo. Add one: ${commandLine("setup", placeFlags(flags))}`
    : runtime
}

const tokenNote = ({ auth, token }: GatewaySettings, file: string): string => {
  if (auth === "none") return "not required: every program on this machine may connect"
  return token === undefined ? `in ${file}` : "set by the configuration"
}

/** Handles a SIGHUP (docs/operating.md): reloads the configuration. An invalid configuration changes nothing. */
const reload = (flags: Sources["flags"]) =>
  loadConfig(flags).pipe(
    Effect.flatMap(ConfigReload.reload),
    Effect.andThen(Effect.flatMap(TlsCertificate, (certificate) => certificate.reload)),
    Effect.catch((error) => Effect.logError(`the configuration was not reloaded: ${error.message}`)),
    Effect.withSpan("causeway reload"),
  )

export const serve = Effect.fn("causeway start")(function* (flags: Sources["flags"]) {
  const loaded = yield* loadConfig(flags)
  if (!loaded.enabled) return yield* print("The gateway is disabled (option `enabled`).")
  const settings = yield* offer(flags, processEnvironment, loaded)
  const streams = StandardStreams.takeOver()
  const hangUps = yield* Signals.hangUps
  yield* Signals.limitStop(settings.drainMs, isRunByNpm)
  if (isRunByNpm) yield* Signals.stopWithParent
  const gateway = Gateway.layer.pipe(Layer.provideMerge(Layer.succeed(GatewayConfig, settings)))
  return yield* Effect.gen(function* () {
    const runFork = Effect.runForkWith(yield* Effect.context())
    streams.onDropped = (lines) =>
      void runFork(Effect.logWarning(`dropped ${lines} lines of the log: standard error did not accept them`))
    yield* Effect.forkScoped(Effect.forever(Effect.andThen(Queue.take(hangUps), reload(flags))))
    yield* printBanner(flags)
    return yield* Effect.raceFirst((yield* StateFolder).lost, (yield* Storage).lost).pipe(
      Effect.tapError(() => Effect.sync(() => Signals.exitAfterDrain(settings.drainMs, ExitCode.failed))),
    )
  }).pipe(
    Effect.provide(gateway),
    Effect.provideService(Console.Console, streams.console),
    Effect.provideService(Writer, streams.writer),
    Effect.onInterrupt(() =>
      Effect.sync(() => {
        process.exitCode = ExitCode.ok
      }),
    ),
  )
}, Effect.scoped)
