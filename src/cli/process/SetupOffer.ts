/**
 * SetupOffer: decides whether the first `causeway start` asks for a model, and asks. Serve.ts uses it. It loads the setup
 * only if it asks.
 */
import * as TerminalCapabilities from "effect/cli/TerminalCapabilities"
import * as Effect from "effect/Effect"
import { existsSync } from "node:fs"
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import { statePaths } from "../../services/storage/StateFolder.ts"
import type { Environment } from "../config/Environment.ts"
import { loadConfig, type Sources } from "../config/LoadConfig.ts"
import { print } from "../terminal/Output.ts"

/** A terminal at which nobody sits, as of a container, must not keep the gateway from starting. */
const OFFER_TIMEOUT = "1 minute"

/** Whether the configuration connects agents to anything. */
const isBare = ({ acp, model, providers, runtime }: GatewaySettings): boolean =>
  Object.keys(providers).length + Object.keys(acp).length === 0 && model === "" && runtime === "echo"

/** Whether a program starts the gateway and restarts it: systemd, pm2, a CI or `node --watch`. */
const isSupervised = (environment: Environment, { restartExpectedMs }: GatewaySettings): boolean =>
  restartExpectedMs !== undefined ||
  environment["SYSTEMD_EXEC_PID"] === String(process.pid) ||
  ["NOTIFY_SOCKET", "pm_id", "CI", "WATCH_REPORT_DEPENDENCIES"].some((name) => (environment[name] ?? "") !== "")

/**
 * Offers the sources of this machine at the first start, if a person sits at the terminal. Returns the settings to start
 * with.
 */
export const offer = Effect.fn("SetupOffer.offer")(function* (
  flags: Sources["flags"],
  environment: Environment,
  settings: GatewaySettings,
) {
  const { canPrompt } = yield* TerminalCapabilities.TerminalCapabilities
  const isFirstStart = !existsSync(statePaths(settings.stateDir).databaseFile)
  if (!canPrompt || !isFirstStart || !isBare(settings) || isSupervised(environment, settings)) return settings
  const [{ find }, { converse, resultPage }] = yield* Effect.promise(() =>
    Promise.all([import("./SetupSources.ts"), import("./SetupDialogue.ts")]),
  )
  const sources = yield* find(settings, environment)
  if (sources.length === 0) return settings
  const connected = yield* converse({ flags, environment }, sources, {
    message: "Which of these shall answer the messages to agents?",
    timeout: OFFER_TIMEOUT,
  })
  if (connected === undefined) return settings
  yield* print(resultPage(connected))
  return yield* loadConfig(flags, environment)
})
