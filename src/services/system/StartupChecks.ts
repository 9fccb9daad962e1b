/**
 * StartupChecks: checks conditions before the port opens. The default runtime exists, the clock is not behind the
 * newest event, and the secrets are long enough. Warns of secrets that go out unencrypted. Gateway.ts runs it.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import { GatewayToken } from "../auth/GatewayToken.ts"
import { checkSecrets } from "../auth/SecretStrength.ts"
import { Storage } from "../storage/Storage.ts"
import { warnOfClearText } from "./ClearTextSecrets.ts"
import { clockProblem } from "./ClockCheck.ts"

/** A machine that has just woken may be wrong by this much until a time server corrects it. */
const CLOCK_TOLERANCE_MS = 60_000

export const layer: Layer.Layer<never, StartupError, AgentRuntimes | GatewayConfig | GatewayToken | Storage> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const { clock, runtime } = config
      const runtimes = yield* AgentRuntimes
      if (runtimes.get(runtime) === undefined) {
        return yield* new StartupError({
          problem: `there is no runtime ${runtime}`,
          remedy: `set the option runtime to one of these: ${runtimes.names().join(", ")}`,
        })
      }
      const { newest } = yield* Storage
      const behind = clockProblem(newest.at, yield* Clock.currentTimeMillis, CLOCK_TOLERANCE_MS)
      if (clock === "strict" && behind !== null) {
        return yield* new StartupError({
          problem: behind,
          remedy: "set the clock of this machine, or the option clock to any",
        })
      }
      const token = (yield* GatewayToken).current()
      yield* checkSecrets(config.host, { ...config, ...(token !== undefined && { token }) })
      yield* warnOfClearText(config)
    }),
  )
