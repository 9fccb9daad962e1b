/**
 * The entry point `@causeway/gateway/openclaw-client`, for Node: the operator's client of OpenClaw gateways. `connect` is
 * for programs without Effect, `OpenClawClient` for programs with Effect. It loads no code of the server.
 */
export type { ClientInfo } from "./openclaw-client/Connect.ts"
export type { RequestOptions } from "./openclaw-client/Connection.ts"
export type { OpenClawEvent, Reset } from "./openclaw-client/Conversation.ts"
export { DeviceFileProblem } from "./openclaw-client/DeviceFile.ts"
export { isEvent, type OpenClawEventName, type OpenClawPayload } from "./openclaw-client/Events.ts"
export type { Hello } from "./openclaw-client/Hello.ts"
export type {
  AgentRow,
  OpenClawArguments,
  OpenClawMethod,
  OpenClawParams,
  OpenClawResult,
  PresenceEntry,
  SessionRow,
} from "./openclaw-client/Methods.ts"
export { OpenClawClient, type OpenClawOptions, OpenClawRefused } from "./openclaw-client/OpenClawClient.ts"
export { type OpenClawError, RequestRefused, RequestUnanswered } from "./openclaw-client/OpenClawError.ts"
export { connect, type OpenClawGateway, type RequestSettings } from "./openclaw-client/OpenClawGateway.ts"
export type { OpenClawState } from "./openclaw-client/OpenClawState.ts"
export type { OpenClawItem } from "./openclaw-client/Subscribers.ts"
