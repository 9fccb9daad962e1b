/**
 * Drain: how the gateway goes down. Closing its scope is enough: health says stopping, clients are told, nothing new is
 * taken, and what runs gets its time. Only then do sockets, actors and storage close, each by its own finalizer. What
 * was accepted and not finished is begun again by the next start.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import { Runs } from "../services/runs/Runs.ts"
import { System } from "../services/system/System.ts"
import { ConnectionSupervisor } from "./connection/ConnectionSupervisor.ts"

/** What was told last, that the gateway stops or how a run ended, is some event-loop turns away from the sockets. */
const LAST_WORDS = "100 millis"

/** Build it last: what is built last is closed first. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { drainMs, restartExpectedMs } = yield* GatewayConfig
    const system = yield* System
    const sockets = yield* ConnectionSupervisor
    const runs = yield* Runs
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        system.markStopping()
        yield* sockets.stopAccepting({
          reason: "the gateway is stopping",
          drainMs,
          ...(restartExpectedMs !== undefined && { restartExpectedMs }),
        })
        const { running } = runs.counts()
        if (running > 0) yield* Effect.logInfo(`stopping; what runs gets ${drainMs} ms to finish (runs: ${running})`)
        yield* Effect.timeoutOption(runs.drain, drainMs)
        if (sockets.size() > 0) yield* Effect.sleep(LAST_WORDS)
      }),
    )
  }),
)
