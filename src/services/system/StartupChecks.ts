/**
 * Preflight: conditions that must hold before the port is opened, and that belong to no single service. The runtime of
 * agents that name none is there, the clock can be believed, the secrets are long enough, and the log hides the token
 * that the state folder keeps.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { StartupError } from "../../domain/StartupError.ts"
import { AgentRuntimes } from "../agents/AgentRuntimes.ts"
import { Logs } from "../logs/Logs.ts"
import { checkSecrets } from "../auth/SecretStrength.ts"
import { Sqlite } from "../storage/Sqlite.ts"
import { StateFolder } from "../storage/StateFolder.ts"
import { clockSetBack, newestEventAt } from "./ClockCheck.ts"

/** A machine that has just woken may be this far off until it has asked a time server. */
const CLOCK_TOLERANCE_MS = 60_000

export const layer: Layer.Layer<never, StartupError, AgentRuntimes | GatewayConfig | Logs | Sqlite | StateFolder> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const config = yield* GatewayConfig
      const { auth, clock, runtime } = config
      const runtimes = yield* AgentRuntimes
      if (runtimes.get(runtime) === undefined) {
        return yield* new StartupError({
          problem: `there is no runtime ${runtime}`,
          remedy: `set the option runtime to one of these: ${runtimes.names().join(", ")}`,
        })
      }
      const setBack = clockSetBack(
        newestEventAt((yield* Sqlite).db),
        yield* Clock.currentTimeMillis,
        CLOCK_TOLERANCE_MS,
      )
      if (clock === "strict" && setBack !== null) {
        return yield* new StartupError({
          problem: setBack,
          remedy: "set the clock of this machine, or the option clock to any",
        })
      }
      if (auth === "none") return
      const token = config.token ?? (yield* (yield* StateFolder).token)
      const logs = yield* Logs
      logs.hide(token)
      yield* checkSecrets(config.host, { ...config, token })
    }),
  )
