/**
 * TokenChanges: what else a new token in the state folder means to a gateway that runs. What came in by the old one is
 * closed, and the new one is blacked out in the log. That it counts is Authenticator.ts.
 */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schedule from "effect/Schedule"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { Connections } from "../connections/Connections.ts"
import { Logs } from "../logs/Logs.ts"
import { StateFolder } from "../storage/StateFolder.ts"
import { followToken } from "../storage/TokenFile.ts"

export const layer = Layer.effectDiscard(
  Effect.gen(function* () {
    const { auth, monitorIntervalMs, token: configured } = yield* GatewayConfig
    if (auth === "none" || configured !== undefined) return
    const connections = yield* Connections
    const logs = yield* Logs
    const { token, tokenFile } = yield* StateFolder
    let last = yield* token
    const current = followToken(tokenFile, last)

    const look = Effect.suspend(() => {
      const now = current()
      if (now === last) return Effect.void
      last = now
      logs.hide(now)
      connections.closeAll(({ kind }) => kind === "token", "the token was changed")
      return Effect.logInfo("the token was changed: what came in by the old one is closed")
    })
    yield* look.pipe(Effect.repeat(Schedule.spaced(Duration.millis(monitorIntervalMs))), Effect.forkScoped)
  }),
)
