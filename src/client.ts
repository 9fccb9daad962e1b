/**
 * The public door to the client, for Node and browsers: `connect` for programs without Effect, `GatewayClient` for
 * those with it. Nothing of the server comes with it.
 */
export type { ConnectionOptions } from "./client/ClientConnection.ts"
export type { ConnectionState } from "./client/ConnectionStates.ts"
export { type Answer, connect, type Gateway, type Method, type Payload } from "./client/Gateway.ts"
export { type ClientError, type GatewayCalls, GatewayClient } from "./client/GatewayClient.ts"
export { RunNotDone } from "./client/Reply.ts"
