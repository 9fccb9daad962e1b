/**
 * The contract: every method of the gateway, whatever the wire. Method lists, scope checks, references and
 * conformance suites are derived from `GatewayRpcs.requests`; adding a method is an `Rpc.make` in its noun's file.
 */
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentRpcs } from "./Agent.ts"
import { BindingRpcs } from "./Binding.ts"
import { ChatRpcs } from "./Chat.ts"
import { ConnectionRpcs } from "./Connection.ts"
import { DeviceRpcs } from "./Device.ts"
import { EventRpcs } from "./Event.ts"
import { LogRpcs } from "./Log.ts"
import { MemoryRpcs } from "./Memory.ts"
import { SessionRpcs } from "./Session.ts"
import { SystemRpcs } from "./System.ts"

/**
 * All methods. `RpcClient.make(GatewayRpcs)` is a client of them, `GatewayRpcs.requests` the list: name, payload, success
 * and error schemas, and the annotations RequiredScope and Summary.
 */
export const GatewayRpcs = RpcGroup.make().merge(
  AgentRpcs,
  BindingRpcs,
  SessionRpcs,
  ChatRpcs,
  EventRpcs,
  ConnectionRpcs,
  DeviceRpcs,
  MemoryRpcs,
  LogRpcs,
  SystemRpcs,
)
export type GatewayRpcs = RpcGroup.Rpcs<typeof GatewayRpcs>
