/**
 * TokenRotation: closes the connections that the old token opened when the token changes. Gateway.ts runs it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { Connections } from "../connections/Connections.ts"
import { GatewayToken } from "./GatewayToken.ts"

export const layer: Layer.Layer<never, never, Connections | GatewayToken> = Layer.effectDiscard(
  Effect.gen(function* () {
    const connections = yield* Connections
    const { changes } = yield* GatewayToken
    yield* changes.pipe(
      Stream.runForEach(() =>
        Effect.suspend(() => {
          connections.closeRevoked(({ kind }) => kind === "token", "the token was changed")
          return Effect.logInfo("the token was changed: connections that the old one opened are closed")
        }),
      ),
      Effect.forkScoped({ startImmediately: true }),
    )
  }),
)
