/**
 * The entry point `@causeway/gateway`, for programs that embed a gateway: its Layers and its public services.
 * `Gateway.layer` is the whole gateway. docs/embedding.md shows how to replace parts. Everything else may change without
 * notice.
 */
export { GatewayConfig, type GatewayOptions, type GatewaySettings } from "./domain/GatewayConfig.ts"
export { StartupError } from "./domain/StartupError.ts"
export * as Gateway from "./Gateway.ts"
export type { AgentRuntime, Turn } from "./services/agents/AgentRuntime.ts"
export { AgentRuntimes } from "./services/agents/AgentRuntimes.ts"
export { Agents } from "./services/agents/Agents.ts"
export { Authenticator } from "./services/auth/Authenticator.ts"
export { GatewayToken } from "./services/auth/GatewayToken.ts"
export { Bindings } from "./services/agents/Bindings.ts"
export { Connections } from "./services/connections/Connections.ts"
export * as Database from "./services/storage/Database.ts"
export * as EchoRuntime from "./services/agents/EchoRuntime.ts"
export { Events } from "./services/events/Events.ts"
export { Logs } from "./services/logs/Logs.ts"
export { Memory } from "./services/memory/Memory.ts"
export { Runs } from "./services/runs/Runs.ts"
export { Sessions } from "./services/sessions/Sessions.ts"
export { Sqlite } from "./services/storage/Sqlite.ts"
export { StateFolder } from "./services/storage/StateFolder.ts"
export { System } from "./services/system/System.ts"
export { ListeningAddress } from "./transport/http/GatewayServer.ts"
export * as ApiRoutes from "./transport/http/ApiRoutes.ts"
export * as HttpAuth from "./transport/http/HttpAuth.ts"
export * as RequestBody from "./transport/http/RequestBody.ts"
