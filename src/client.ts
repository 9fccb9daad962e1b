/**
 * The entry point `@causeway/gateway/client`, for Node and browsers: `connect` for programs without Effect, `GatewayClient`
 * for programs with Effect. It loads no code of the server.
 */
export type { ConnectionOptions } from "./client/ClientConnection.ts"
export type { ConnectionState } from "./client/ConnectionStates.ts"
export { type Answer, connect, type Gateway, type Method, type Payload } from "./client/Gateway.ts"
export { type ClientError, type GatewayCalls, GatewayClient } from "./client/GatewayClient.ts"
export { RunNotDone } from "./client/Reply.ts"
