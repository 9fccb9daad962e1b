/**
 * RefusalLog: a log line for each client that the gateway turns away, with its address and the reason, so that an
 * operator finds out why a client cannot connect. Bounded, because strangers cause it. Wrong credentials are logged by
 * services/Authenticator.ts.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { networkOf } from "../../domain/Address.ts"
import { LogThrottle } from "./LogThrottle.ts"
import { monotonicMs } from "./LoopBatch.ts"

/** Characters of what a client has sent that a line may hold. */
const DETAIL_CHARS = 200

/** Clients write parts of it: a control character must not reach the operator's terminal. */
const printable = (text: string): string => text.slice(0, DETAIL_CHARS).replace(/[^\x20-\x7e]/g, "?")

export class RefusalLog extends Context.Service<
  RefusalLog,
  {
    /** `reason` is one of few texts; `detail` is what the client has sent. */
    readonly note: (remoteAddress: string, reason: string, detail?: string) => void
  }
>()("causeway/transport/connection/RefusalLog") {
  static readonly layer: Layer.Layer<RefusalLog> = Layer.effect(
    RefusalLog,
    Effect.gen(function* () {
      const clock = yield* Clock.Clock
      const runFork = Effect.runForkWith(yield* Effect.context())
      const throttle = new LogThrottle()
      return RefusalLog.of({
        note: (remoteAddress, reason, detail) => {
          const { isLogged, leftOut } = throttle.take(networkOf(remoteAddress), reason, monotonicMs(clock))
          if (leftOut > 0) runFork(Effect.logWarning(`refused ${leftOut} more clients in the minute before`))
          if (!isLogged) return
          const text = detail === undefined ? reason : `${reason} ${detail}`
          runFork(Effect.logWarning(`refused ${remoteAddress}: ${printable(text)}`))
        },
      })
    }),
  )
}
