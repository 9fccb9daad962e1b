/**
 * The public door for programs that embed a gateway: its Layers, and the services that they give. `Gateway.layer` is all
 * of it; docs/embedding.md shows how parts are replaced. What is not listed here may change without notice.
 */
export { GatewayConfig, type GatewayOptions, type GatewaySettings } from "./domain/GatewayConfig.ts"
export { StartupError } from "./domain/StartupError.ts"
export * as Gateway from "./Gateway.ts"
export { AgentRuntime, type Runtime, type Turn } from "./services/AgentRuntime.ts"
export { Agents } from "./services/Agents.ts"
export { Authenticator } from "./services/Authenticator.ts"
export { Bindings } from "./services/Bindings.ts"
export { Connections } from "./services/Connections.ts"
export * as Database from "./services/Database.ts"
export * as EchoRuntime from "./services/EchoRuntime.ts"
export { Events } from "./services/Events.ts"
export { Logs } from "./services/Logs.ts"
export { Memory } from "./services/Memory.ts"
export { Runs } from "./services/Runs.ts"
export { Sessions } from "./services/Sessions.ts"
export { Sqlite } from "./services/Sqlite.ts"
export { StateFolder } from "./services/StateFolder.ts"
export { System } from "./services/System.ts"
export { ListeningAddress } from "./transport/GatewayServer.ts"
export * as HttpAccess from "./transport/HttpAccess.ts"
