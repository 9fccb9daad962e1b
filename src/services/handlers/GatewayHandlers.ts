/**
 * Every method of the contract with its handler: one file per noun beside this one. A method without a handler does not
 * compile where this layer is used.
 */
import * as Layer from "effect/Layer"
import * as Authorization from "../auth/Authorization.ts"
import { AgentHandlers } from "./AgentHandlers.ts"
import { BindingHandlers } from "./BindingHandlers.ts"
import { ChatHandlers } from "./ChatHandlers.ts"
import { ConnectionHandlers } from "./ConnectionHandlers.ts"
import { DeviceHandlers } from "./DeviceHandlers.ts"
import { EventHandlers } from "./EventHandlers.ts"
import { LogHandlers } from "./LogHandlers.ts"
import { MemoryHandlers } from "./MemoryHandlers.ts"
import { SessionHandlers } from "./SessionHandlers.ts"
import { SystemHandlers } from "./SystemHandlers.ts"

/** With the check that stands before them all. */
export const layer = Layer.mergeAll(
  AgentHandlers,
  BindingHandlers,
  ChatHandlers,
  ConnectionHandlers,
  DeviceHandlers,
  EventHandlers,
  LogHandlers,
  MemoryHandlers,
  SessionHandlers,
  SystemHandlers,
  Authorization.layer,
)
