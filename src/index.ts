/**
 * The public door for programs that embed a gateway: its Layers, and the services that they give. `Gateway.layer` is all
 * of it; docs/embedding.md shows how parts are replaced. What is not listed here may change without notice.
 */
export { GatewayConfig, type GatewayOptions, type GatewaySettings } from "./domain/GatewayConfig.ts"
export { StartupError } from "./domain/StartupError.ts"
export * as Gateway from "./Gateway.ts"
export { AgentRuntime, type Runtime, type Turn } from "./services/agents/AgentRuntime.ts"
export { Agents } from "./services/agents/Agents.ts"
export { Authenticator } from "./services/auth/Authenticator.ts"
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
export * as HttpAccess from "./transport/http/HttpAuth.ts"
