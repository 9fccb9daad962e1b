/** Holds the lock of a state folder until it is killed. Prints `held`, or the error. */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../../src/domain/GatewayConfig.ts"
import { StateFolder } from "../../src/services/storage/StateFolder.ts"

const layer = StateFolder.layer.pipe(Layer.provide(GatewayConfig.layer({ stateDir: process.argv[2] ?? "" })))

const hold = Effect.andThen(
  Effect.sync(() => console.log("held")),
  Effect.never,
).pipe(
  Effect.provide(layer),
  Effect.catch((error) => Effect.sync(() => console.log(error.message))),
)

// A waiting effect alone does not keep the process alive.
setInterval(() => undefined, 60_000)
Effect.runFork(hold)
