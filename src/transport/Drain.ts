/**
 * Drain: the orderly stop, run when the gateway's scope closes. Health says stopping, clients are informed, new work is
 * refused, and open runs get `drainMs`. Then sockets, actors and storage close by their own finalizers. The next start
 * restarts accepted runs that did not finish. Gateway.ts builds it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import { Runs } from "../services/runs/Runs.ts"
import { System } from "../services/system/System.ts"
import { CloseCodes } from "./connection/CloseCodes.ts"
import { ConnectionSupervisor } from "./connection/ConnectionSupervisor.ts"

/** Time for the last events, e.g. the end of a run, to reach the supervisor. They take a few event-loop ticks. */
const FLUSH_TIME = "100 millis"

/** Build it last: the Layer that is built last closes first. */
export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { drainMs, restartExpectedMs } = yield* GatewayConfig
    const system = yield* System
    const supervisor = yield* ConnectionSupervisor
    const runs = yield* Runs
    yield* Effect.addFinalizer(() =>
      Effect.gen(function* () {
        system.markStopping()
        yield* supervisor.stopAccepting({
          reason: "the gateway is stopping",
          drainMs,
          ...(restartExpectedMs !== undefined && { restartExpectedMs }),
        })
        const { running } = runs.counts()
        if (running > 0) yield* Effect.logInfo(`stopping: open runs have ${drainMs} ms to finish (runs: ${running})`)
        yield* Effect.timeoutOption(runs.drain, drainMs)
        if (supervisor.size() > 0) yield* Effect.sleep(FLUSH_TIME)
        // Before the HTTP requests in progress end, so that event streams still get their last text.
        yield* supervisor.closeAll(CloseCodes.restart)
      }),
    )
  }),
)
