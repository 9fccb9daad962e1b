/**
 * DemoFleet: made-up agents for the development of dashboards. They are there while no upstream gateway answers, and only if
 * the option `fleet.demo` is on. Fleet.ts uses it.
 */
import type { ConnectedUpstream } from "../upstreams/Upstreams.ts"
import type { AgentFact } from "./CardMerge.ts"

const names = ["Otto", "Rex", "Dex", "Hex", "Pip", "Nano", "Sketch", "Bob", "Stuart", "Norbert", "Flip"]

export const demoAgents: ReadonlyArray<AgentFact> = names.map((name, index) => ({
  id: name.toLowerCase(),
  name,
  role: index === 0 ? "orchestrator" : "agent",
}))

/** Returns the time that gateways get to answer, at the start and after a drop. A poller begins after 30 seconds only. */
export const patienceOf = (upstreams: ReadonlyArray<ConnectedUpstream>) =>
  upstreams.some(({ settings }) => settings.pollUrl !== undefined) ? "45 seconds" : "30 seconds"
