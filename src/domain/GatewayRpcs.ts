/**
 * The contract: every method of the gateway, for all wires. Method lists, scope checks, references and conformance
 * suites are derived from `GatewayRpcs.requests`. Add a method with `Rpc.make` in the file of its noun.
 */
import * as RpcGroup from "effect/rpc/RpcGroup"
import { AgentRpcs } from "./Agent.ts"
import { ApprovalRpcs } from "./Approval.ts"
import { AttachmentRpcs } from "./Attachment.ts"
import { BindingRpcs } from "./Binding.ts"
import { ChatRpcs } from "./Chat.ts"
import { ConnectionRpcs } from "./Connection.ts"
import { DeviceRpcs } from "./Device.ts"
import { EventRpcs } from "./Event.ts"
import { FleetRpcs } from "./Fleet.ts"
import { LogRpcs } from "./Log.ts"
import { MemoryRpcs } from "./Memory.ts"
import { ModelRpcs } from "./Model.ts"
import { QuestionRpcs } from "./Question.ts"
import { SessionRpcs } from "./Session.ts"
import { SystemRpcs } from "./System.ts"
import { ToolRpcs } from "./Tool.ts"

/**
 * All methods. `RpcClient.make(GatewayRpcs)` makes a client. `GatewayRpcs.requests` lists name, payload, success and error
 * schemas of each method, with its annotation RequiredScope.
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
  ModelRpcs,
  SystemRpcs,
  ToolRpcs,
  ApprovalRpcs,
  FleetRpcs,
  AttachmentRpcs,
  QuestionRpcs,
)
export type GatewayRpcs = RpcGroup.Rpcs<typeof GatewayRpcs>
