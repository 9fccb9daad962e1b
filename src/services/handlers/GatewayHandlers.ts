/**
 * GatewayHandlers: the handlers of all methods of the contract. Each noun has its own file in this folder. Gateway.ts uses
 * the layer; it does not compile if a method has no handler.
 */
import * as Layer from "effect/Layer"
import * as Authorization from "../auth/Authorization.ts"
import { AgentHandlers } from "./AgentHandlers.ts"
import { ApprovalHandlers } from "./ApprovalHandlers.ts"
import { AttachmentHandlers } from "./AttachmentHandlers.ts"
import { BindingHandlers } from "./BindingHandlers.ts"
import { ChatHandlers } from "./ChatHandlers.ts"
import { ConnectionHandlers } from "./ConnectionHandlers.ts"
import { DeviceHandlers } from "./DeviceHandlers.ts"
import { EventHandlers } from "./EventHandlers.ts"
import { FleetHandlers } from "./FleetHandlers.ts"
import { LogHandlers } from "./LogHandlers.ts"
import { MemoryHandlers } from "./MemoryHandlers.ts"
import { ModelHandlers } from "./ModelHandlers.ts"
import { QuestionHandlers } from "./QuestionHandlers.ts"
import { SessionHandlers } from "./SessionHandlers.ts"
import { SystemHandlers } from "./SystemHandlers.ts"
import { ToolHandlers } from "./ToolHandlers.ts"

/** Provides all handlers, and the middleware that authorizes their callers. */
export const layer = Layer.mergeAll(
  AgentHandlers,
  ApprovalHandlers,
  AttachmentHandlers,
  BindingHandlers,
  ChatHandlers,
  ConnectionHandlers,
  DeviceHandlers,
  EventHandlers,
  FleetHandlers,
  LogHandlers,
  MemoryHandlers,
  ModelHandlers,
  QuestionHandlers,
  SessionHandlers,
  SystemHandlers,
  ToolHandlers,
  Authorization.layer,
)
