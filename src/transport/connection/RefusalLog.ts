/**
 * RefusalLog: logs the address of each client that the gateway refuses, and the reason, so that an operator finds out why a
 * client cannot connect. The lines are bounded, because strangers cause them. Authenticator.ts logs wrong credentials.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { monotonicMs } from "../../domain/MonotonicTime.ts"
import { networkOf } from "../../domain/Address.ts"
import { LogThrottle } from "./LogThrottle.ts"

/** Most characters of client text in a line. */
const DETAIL_CHARS = 200

/** Removes control characters, which must not reach the operator's terminal. */
const printable = (text: string): string => text.slice(0, DETAIL_CHARS).replace(/[^\x20-\x7e]/g, "?")

export class RefusalLog extends Context.Service<
  RefusalLog,
  {
    /** `reason`: one of few texts, by which lines are throttled. `detail`: text that the client sent. */
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
          const { isLogged, suppressed } = throttle.take(networkOf(remoteAddress), reason, monotonicMs(clock))
          if (suppressed > 0) runFork(Effect.logWarning(`refused ${suppressed} more clients in the minute before`))
          if (!isLogged) return
          const text = detail === undefined ? reason : `${reason} ${detail}`
          runFork(Effect.logWarning(`refused ${remoteAddress}: ${printable(text)}`))
        },
      })
    }),
  )
}
