/**
 * Gateway: the whole gateway as one Layer. Read `wholeWith` from the bottom up: storage, services, methods, and the port
 * that serves them. The binary starts `layer`. An embedding program replaces parts with `layerWith`.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Layer from "effect/Layer"
import { RunAdmission } from "./services/admission/RunAdmission.ts"
import { AgentRuntimes } from "./services/agents/AgentRuntimes.ts"
import { Agents } from "./services/agents/Agents.ts"
import { Bindings } from "./services/agents/Bindings.ts"
import * as EchoRuntime from "./services/agents/EchoRuntime.ts"
import { AttachmentLinks } from "./services/attachments/AttachmentLinks.ts"
import { Attachments } from "./services/attachments/Attachments.ts"
import { Approvals } from "./services/approvals/Approvals.ts"
import { Authenticator } from "./services/auth/Authenticator.ts"
import { Devices } from "./services/auth/Devices.ts"
import { GatewayKey } from "./services/auth/GatewayKey.ts"
import { GatewayToken } from "./services/auth/GatewayToken.ts"
import { Pairings } from "./services/auth/Pairings.ts"
import * as TokenRotation from "./services/auth/TokenRotation.ts"
import { Connections } from "./services/connections/Connections.ts"
import { Events } from "./services/events/Events.ts"
import { Fleet } from "./services/fleet/Fleet.ts"
import { FleetControl } from "./services/fleet/FleetControl.ts"
import * as GatewayHandlers from "./services/handlers/GatewayHandlers.ts"
import { Logs } from "./services/logs/Logs.ts"
import { McpServers } from "./services/mcp/McpServers.ts"
import { Memory } from "./services/memory/Memory.ts"
import * as AiSdk from "./services/models/ai-sdk/AiSdk.ts"
import * as Anthropic from "./services/models/anthropic/Anthropic.ts"
import { ModelProviders } from "./services/models/ModelProviders.ts"
import * as OpenAi from "./services/models/openai/OpenAi.ts"
import { ProviderKinds } from "./services/models/ProviderKinds.ts"
import * as ModelRuntime from "./services/runtimes/model/ModelRuntime.ts"
import { BegunTurns } from "./services/runs/BegunTurns.ts"
import * as Cluster from "./services/runs/Cluster.ts"
import { IdleActors } from "./services/runs/IdleActors.ts"
import { OpenRuns } from "./services/runs/OpenRuns.ts"
import { Questions } from "./services/questions/Questions.ts"
import { Runs } from "./services/runs/Runs.ts"
import * as AcpRuntimes from "./services/runtimes/acp/AcpRuntimes.ts"
import * as UpstreamRuntimes from "./services/runtimes/upstream/UpstreamRuntimes.ts"
import { SessionCompaction } from "./services/runs/SessionCompaction.ts"
import * as SessionActor from "./services/runs/SessionActor.ts"
import * as TurnDispatcher from "./services/runs/TurnDispatcher.ts"
import * as TurnRetention from "./services/runs/TurnRetention.ts"
import { TurnRunner } from "./services/runs/TurnRunner.ts"
import { SessionIndex } from "./services/sessions/SessionIndex.ts"
import * as SessionMonitor from "./services/sessions/SessionMonitor.ts"
import { Sessions } from "./services/sessions/Sessions.ts"
import * as Database from "./services/storage/Database.ts"
import type { EventBus } from "./services/storage/EventBus.ts"
import { StateFolder } from "./services/storage/StateFolder.ts"
import type { Storage } from "./services/storage/Storage.ts"
import * as OperationalLog from "./services/system/OperationalLog.ts"
import * as StartupChecks from "./services/system/StartupChecks.ts"
import { System } from "./services/system/System.ts"
import * as Toolkit from "./services/toolkit/Toolkit.ts"
import { ClientTools } from "./services/tools/ClientTools.ts"
import { Tools } from "./services/tools/Tools.ts"
import { Upstreams } from "./services/upstreams/Upstreams.ts"
import * as OldTranscripts from "./services/transcript/OldTranscripts.ts"
import * as Drain from "./transport/Drain.ts"
import * as Mounts from "./transport/Mounts.ts"
import * as GatewayServer from "./transport/http/GatewayServer.ts"
import type { ListeningAddress } from "./transport/http/GatewayServer.ts"
import * as HealthRoutes from "./transport/http/HealthRoutes.ts"
import type { TlsCertificate } from "./transport/http/TlsCertificate.ts"
import * as Telemetry from "./services/telemetry/Telemetry.ts"
import { RunTraces } from "./services/traces/RunTraces.ts"
import { ContractCalls } from "./transport/kernel/ContractCalls.ts"
import * as RpcWire from "./transport/rpc/RpcWire.ts"

/** Accepts messages, runs them in the actors of their sessions, and keeps the lists of sessions and runs. */
const conversations = Runs.layer.pipe(
  Layer.provideMerge(SessionCompaction.layer),
  Layer.provideMerge(SessionActor.layer),
  Layer.provideMerge(Layer.mergeAll(Sessions.layer, TurnRunner.layer)),
  Layer.provideMerge(
    Layer.mergeAll(BegunTurns.layer, IdleActors.layer, RunTraces.layer, SessionIndex.layer, Cluster.layer),
  ),
  Layer.provideMerge(OpenRuns.layer),
)

/** Resolves models. The kinds of providers add themselves as parts of the gateway. */
const models = ModelProviders.layer.pipe(Layer.provideMerge(ProviderKinds.layer))

/** Authenticates clients and pairs devices. */
const authentication = Authenticator.layer.pipe(
  Layer.provideMerge(Layer.mergeAll(Pairings.layer, GatewayToken.layer)),
  Layer.provideMerge(Devices.layer),
)

/** Knows the agents and their bindings, the documents, the connections and the devices. Runtimes may use it. */
const registry = Layer.mergeAll(
  Agents.layer,
  Bindings.layer,
  Memory.layer,
  Connections.layer,
  GatewayKey.layer,
  AttachmentLinks.layer,
  Upstreams.layer,
  // Before the runs, so that it logs those that a restart continues.
  OperationalLog.layer,
  authentication,
).pipe(Layer.provideMerge(Layer.provideMerge(Attachments.layer, Events.layer)))

/** Holds the tools, and asks operators about calls and for answers. */
const toolRegistry = Layer.merge(Tools.layer, ClientTools.layer).pipe(
  Layer.provideMerge(Layer.mergeAll(Approvals.layer, Questions.layer)),
  Layer.provideMerge(RunAdmission.layer),
)

/** Background work: compares stored and published sessions, removes old rows, and reacts to a changed token. */
const monitors = Layer.mergeAll(
  SessionMonitor.layer,
  OldTranscripts.layer,
  TurnRetention.layer,
  TokenRotation.layer,
  Logs.layerEvents,
)

/** Shows and commands the agents of this gateway and of its upstream gateways. */
const fleet = FleetControl.layer.pipe(Layer.provideMerge(Fleet.layer))

const services = Layer.mergeAll(System.layer, monitors, StartupChecks.layer, fleet).pipe(
  Layer.provideMerge(conversations),
)

/** The parts of a gateway that an embedding program can replace. */
export const parts = {
  /** The state that survives a restart: a folder, locked by one process, and a database. See Database.layer. */
  storage: Database.layer.pipe(Layer.provideMerge(StateFolder.layer)),
  /**
   * The runtimes of agents, and the kinds of model providers that they use. Merge your own with them: each Layer adds
   * itself to AgentRuntimes or ProviderKinds.
   */
  runtimes: Layer.mergeAll(
    EchoRuntime.layer,
    ModelRuntime.layer,
    AcpRuntimes.layer,
    UpstreamRuntimes.layer,
    OpenAi.layer,
    Anthropic.layer,
    AiSdk.layer,
  ),
  /** The tools of agents and of MCP servers. Merge your own with them: each Layer adds itself to Tools. */
  tools: Layer.mergeAll(Toolkit.layer, McpServers.layer),
  /** The routes and wires of the port. Each Layer adds itself to HttpRouter or WireRegistry. */
  routes: Layer.mergeAll(RpcWire.layer, Mounts.layer, HealthRoutes.layer).pipe(Layer.provide(ContractCalls.layer)),
}

/** Storage that ends with its scope: a database in memory, and a temporary folder for the token and the documents. */
export const storageInMemory = Layer.mergeAll(Database.layerMemory, StateFolder.layerTemporary)

/** The services that a gateway provides to Layers built on it. */
export type Services =
  | AgentRuntimes
  | Agents
  | Approvals
  | Attachments
  | Authenticator
  | Bindings
  | Connections
  | Events
  | Fleet
  | GatewayToken
  | ListeningAddress
  | Logs
  | Memory
  | ModelProviders
  | ProviderKinds
  | Questions
  | Runs
  | Sessions
  | StateFolder
  | Storage
  | System
  | TlsCertificate
  | Tools

interface Parts<A1, E1, R1, A2, E2, R2, A3, E3, R3, A4, E4, R4> {
  readonly storage: Layer.Layer<EventBus | StateFolder | Storage | A1, E1, R1>
  readonly runtimes: Layer.Layer<A2, E2, R2>
  readonly tools: Layer.Layer<A3, E3, R3>
  readonly routes: Layer.Layer<A4, E4, R4>
}

/** As `layerWith`, with every internal service in the type. For tests. */
export const wholeWith = <A1, E1, R1, A2, E2, R2, A3, E3, R3, A4, E4, R4>({
  storage,
  runtimes,
  tools,
  routes,
}: Parts<A1, E1, R1, A2, E2, R2, A3, E3, R3, A4, E4, R4>) =>
  Drain.layer.pipe(
    Layer.provideMerge(GatewayServer.layer(routes)),
    Layer.provideMerge(GatewayHandlers.layer),
    // Runs that a stop interrupted start here, and need their tools.
    Layer.provideMerge(TurnDispatcher.layer),
    Layer.provideMerge(tools),
    Layer.provideMerge(services),
    Layer.provideMerge(runtimes),
    Layer.provideMerge(toolRegistry),
    Layer.provideMerge(registry),
    Layer.provideMerge(Layer.mergeAll(storage, AgentRuntimes.layer, models)),
    Layer.provideMerge(Telemetry.layer),
    Layer.provideMerge(Logs.layer),
    Layer.provide([NodeFileSystem.layer, NodePath.layer]),
  )

const withPublicServices = <E, R>(layer: Layer.Layer<Services, E, R>): Layer.Layer<Services, E, R> => layer

/**
 * A gateway with parts of your own: `Gateway.layerWith({ ...Gateway.parts, runtimes: MyRuntimes })`. Building it opens
 * the port; closing its scope drains it (see Drain.ts). It fails with StartupError, whose message names the next step.
 */
export const layerWith = <A1, E1, R1, A2, E2, R2, A3, E3, R3, A4, E4, R4>(
  parts: Parts<A1, E1, R1, A2, E2, R2, A3, E3, R3, A4, E4, R4>,
) => withPublicServices(wholeWith(parts))

/** The gateway that the binary starts. It needs a GatewayConfig and nothing else. */
export const layer = layerWith(parts)
