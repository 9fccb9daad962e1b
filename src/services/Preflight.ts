/**
 * Preflight: what must be in order before the port is opened, and belongs to no single service: the runtime of agents
 * that name none is there, and the token that the state folder keeps is as secret in the log as a configured one.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import { StartupError } from "../domain/StartupError.ts"
import { AgentRuntime } from "./AgentRuntime.ts"
import { Logs } from "./Logs.ts"
import { StateFolder } from "./StateFolder.ts"

export const layer: Layer.Layer<never, StartupError, AgentRuntime | GatewayConfig | Logs | StateFolder> =
  Layer.effectDiscard(
    Effect.gen(function* () {
      const { auth, runtime, token } = yield* GatewayConfig
      const runtimes = yield* AgentRuntime
      if (!runtimes.has(runtime)) {
        return yield* new StartupError({
          problem: `there is no runtime ${runtime}`,
          remedy: `set the option runtime to one of these: ${[...runtimes.keys()].join(", ")}`,
        })
      }
      const state = yield* StateFolder
      const logs = yield* Logs
      if (auth === "token" && token === undefined) logs.hide(yield* state.token)
    }),
  )
