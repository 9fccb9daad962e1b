/**
 * CallTimes: how long the calls of each method take, by outcome. Authorization.ts records every call, on all wires, and
 * Metrics.ts of the transport shows them.
 */
import * as Context from "effect/Context"
import * as Layer from "effect/Layer"
import { Histograms } from "../../domain/Histogram.ts"

export class CallTimes extends Context.Service<
  CallTimes,
  {
    /** Returns the histograms of a method by outcome: `ok`, or as in the log of calls. */
    readonly of: (method: string) => Histograms<string>
    readonly all: () => ReadonlyMap<string, Histograms<string>>
  }
>()("causeway/services/auth/CallTimes") {
  static readonly layer: Layer.Layer<CallTimes> = Layer.sync(CallTimes, () => {
    const methods = new Map<string, Histograms<string>>()
    return CallTimes.of({
      of: (method) => {
        let times = methods.get(method)
        if (times === undefined) methods.set(method, (times = new Histograms()))
        return times
      },
      all: () => methods,
    })
  })
}
