/**
 * Mounts: the paths of the dialects, and the routes that call the contract. Each dialect has its own path, and JSON-RPC and
 * Mission Control also share the path of the option `path`, where the first frame decides. A new dialect is a folder beside
 * this file and a line here.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayConfig } from "../domain/GatewayConfig.ts"
import * as FileRoute from "./attachments/FileRoute.ts"
import * as MultipartSend from "./attachments/MultipartSend.ts"
import { DialectServer } from "./kernel/DialectServer.ts"
import { isJsonRpc } from "./json-rpc/Envelope.ts"
import { jsonRpc } from "./json-rpc/JsonRpc.ts"
import * as JsonRpcHttp from "./json-rpc/JsonRpcHttp.ts"
import * as Mcp from "./mcp/Mcp.ts"
import { missionControl } from "./mission-control/MissionControl.ts"
import * as MissionRoutes from "./mission-control/Routes.ts"
import * as FleetRoutes from "./fleet/FleetRoutes.ts"
import * as Hooks from "./hooks/Hooks.ts"
import * as OpenAi from "./openai/OpenAi.ts"
import * as ControlUi from "./openclaw/ControlUi.ts"
import { openClaw } from "./openclaw/OpenClaw.ts"
import * as Metrics from "./metrics/Metrics.ts"
import * as OpenApiRoutes from "./rest/OpenApiRoutes.ts"
import * as Rest from "./rest/Rest.ts"
import { EventStreams } from "./sse/EventStreams.ts"
import * as Sse from "./sse/Sse.ts"
import { sniffing } from "./kernel/Sniffing.ts"
import { WireRegistry } from "./connection/WireRegistry.ts"

const wires = Layer.effectDiscard(
  Effect.gen(function* () {
    const { attachments, limits, openclaw, path } = yield* GatewayConfig
    const dialects = yield* DialectServer
    const { mount, mountFallback } = yield* WireRegistry
    const rpc = yield* dialects.wire(jsonRpc)
    const channels = yield* dialects.wire(missionControl)
    yield* mount("/jsonrpc", rpc, "JSON-RPC 2.0 (WebSocket, and POST)")
    yield* mount("/ws/mission-control", channels, "Mission Control (WebSocket)")
    const fallback = yield* dialects.wire(openClaw({ ...openclaw, limits, attachments }))
    yield* mountFallback(fallback, "OpenClaw's protocol (WebSocket)")
    const shared = sniffing({ first: rpc, isFirst: isJsonRpc, otherwise: channels })
    yield* mount(path, shared, "JSON-RPC 2.0 or Mission Control (WebSocket)")
  }),
)

export const layer = Layer.mergeAll(
  wires,
  JsonRpcHttp.layer,
  Rest.layer,
  FileRoute.layer,
  MultipartSend.layer,
  Sse.layer,
  Metrics.layer,
  OpenApiRoutes.layer,
  MissionRoutes.layer,
  FleetRoutes.layer,
  OpenAi.layer,
  Hooks.layer,
  Mcp.layer,
  ControlUi.layer,
).pipe(Layer.provide(EventStreams.layer), Layer.provide(DialectServer.layer))
