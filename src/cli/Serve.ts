/**
 * Serve: the gateway as a process, what `causeway start` does. It says where it listens and what to try, and ends when
 * it is asked to: the first signal drains it, a second one ends it at once.
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
import { processEnvironment } from "./Environment.ts"
import { ExitCode } from "./ExitCode.ts"
import { loadConfig, settingsFrom, type Sources } from "./LoadConfig.ts"
import { localUrl } from "./LocalUrl.ts"
import * as YoungGeneration from "./YoungGeneration.ts"

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
  YoungGeneration.release()
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

/** What closing everything may take beyond the drain, before the process ends without it. */
const CLOSE_GRACE_MS = 500

/**
 * runMain interrupts at every signal, which ends nothing that is already ending. So the second signal ends the process,
 * and so does time, should a client or a disk hold up the end: what was acknowledged is on disk, as after a crash.
 */
const boundedEnd = (drainMs: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      let asked = false
      const onSignal = () => {
        if (asked) process.exit(ExitCode.failed)
        asked = true
        setTimeout(() => process.exit(ExitCode.ok), drainMs + CLOSE_GRACE_MS).unref()
      }
      process.on("SIGINT", onSignal).on("SIGTERM", onSignal)
      return onSignal
    }),
    (onSignal) => Effect.sync(() => process.off("SIGINT", onSignal).off("SIGTERM", onSignal)),
  )

export const serve = Effect.fn("causeway start")(function* (flags: Sources["flags"]) {
  const settings = yield* loadConfig(flags)
  if (!settings.enabled) return yield* Console.log("The gateway is not enabled (option `enabled`).")
  yield* boundedEnd(settings.drainMs)
  return yield* Layer.launch(
    Layer.effectDiscard(announce(flags["config"])).pipe(
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
