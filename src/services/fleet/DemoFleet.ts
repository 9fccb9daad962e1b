/**
 * DemoFleet: made-up agents for the development of dashboards. They are there while no upstream gateway answers, and only if
 * the option `fleet.demo` is on. Fleet.ts uses it.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { ConnectedUpstream } from "../upstreams/Upstreams.ts"
import type { AgentFact } from "./CardMerge.ts"

const names = ["Otto", "Rex", "Dex", "Hex", "Pip", "Nano", "Sketch", "Bob", "Stuart", "Norbert", "Flip"]

export const demoAgents: ReadonlyArray<AgentFact> = names.map((name, index) => ({
  id: name.toLowerCase(),
  name,
  isDefault: index === 0,
}))

/** The gateways get this long to answer, at the start and after a drop. */
const PATIENCE = "30 seconds"

/** Shows the agents after the upstream gateways have been away for 30 seconds, and hides them as soon as one answers. */
export const showWhileAlone = (
  upstreams: ReadonlyArray<ConnectedUpstream>,
  show: (isShown: boolean) => Effect.Effect<void>,
): Effect.Effect<void> => {
  if (upstreams.length === 0) return show(true)
  const isConnected = () => upstreams.some(({ client }) => client.state.current._tag === "Connected")
  const states = Stream.mergeAll(
    upstreams.map(({ client }) => client.state.changes),
    { concurrency: "unbounded" },
  )
  /** Waits until some gateway is connected, or none is. */
  const until = (connected: boolean) => Stream.runHead(Stream.filter(states, () => isConnected() === connected))
  return Effect.gen(function* () {
    const answer = yield* Effect.timeoutOption(until(true), PATIENCE)
    if (answer._tag === "None") {
      yield* show(true)
      yield* until(true)
      yield* show(false)
    }
    yield* until(false)
  }).pipe(Effect.forever)
}
