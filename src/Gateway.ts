/**
 * Gateway: the whole of it as one Layer. Read from the bottom of `layerWith` upwards: what is kept, who acts upon it,
 * which methods that makes, and the port where they are spoken. `layer` is the gateway that the binary starts; an
 * embedding program replaces parts of it.
 */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import * as Layer from "effect/Layer"
import type * as SqlClient from "effect/sql/SqlClient"
import type { AgentRuntime } from "./services/AgentRuntime.ts"
import { Agents } from "./services/Agents.ts"
import { Authenticator } from "./services/Authenticator.ts"
import { Bindings } from "./services/Bindings.ts"
import * as Cluster from "./services/Cluster.ts"
import { Connections } from "./services/Connections.ts"
import * as Database from "./services/Database.ts"
import { Devices } from "./services/Devices.ts"
import * as Doorbells from "./services/Doorbells.ts"
import * as EchoRuntime from "./services/EchoRuntime.ts"
import { Events } from "./services/Events.ts"
import * as GatewayHandlers from "./services/handlers/GatewayHandlers.ts"
import { Identity } from "./services/Identity.ts"
import { Logs } from "./services/Logs.ts"
import { Memory } from "./services/Memory.ts"
import { OpenRuns } from "./services/OpenRuns.ts"
import { Pairings } from "./services/Pairings.ts"
import * as Preflight from "./services/Preflight.ts"
import { RunLimits } from "./services/RunLimits.ts"
import { Runs } from "./services/Runs.ts"
import * as SessionActor from "./services/SessionActor.ts"
import { SessionIndex } from "./services/SessionIndex.ts"
import * as SessionMonitor from "./services/SessionMonitor.ts"
import { Sessions } from "./services/Sessions.ts"
import type { Sqlite } from "./services/Sqlite.ts"
import { StateFolder } from "./services/StateFolder.ts"
import { System } from "./services/System.ts"
import * as TokenChanges from "./services/TokenChanges.ts"
import { Transcript } from "./services/Transcript.ts"
import * as TurnRetention from "./services/TurnRetention.ts"
import { TurnRunner } from "./services/TurnRunner.ts"
import * as DialectWires from "./transport/DialectWires.ts"
import * as Drain from "./transport/Drain.ts"
import * as GatewayServer from "./transport/GatewayServer.ts"
import * as HealthRoutes from "./transport/HealthRoutes.ts"
import type { ListeningAddress } from "./transport/GatewayServer.ts"
import { LocalCalls } from "./transport/LocalCalls.ts"
import * as RpcWire from "./transport/RpcWire.ts"

/** The conversations: what is accepted, the actors that run it, and what lists and followers read. */
const conversations = Layer.mergeAll(Runs.layer, Doorbells.layer).pipe(
  Layer.provideMerge(SessionActor.layer),
  Layer.provideMerge(Layer.mergeAll(Sessions.layer, TurnRunner.layer)),
  Layer.provideMerge(Layer.mergeAll(OpenRuns.layer, RunLimits.layer, SessionIndex.layer, Cluster.layer)),
  Layer.provideMerge(Transcript.layer),
)

/** Who may come in, and how they prove it. */
const trust = Authenticator.layer.pipe(Layer.provideMerge(Pairings.layer), Layer.provideMerge(Devices.layer))

/** Who is known: agents and what claims conversations for them, documents, connections and devices. */
const registry = Layer.mergeAll(Agents.layer, Bindings.layer, Memory.layer, Connections.layer, Identity.layer, trust)

const monitors = Layer.mergeAll(SessionMonitor.layer, TurnRetention.layer, TokenChanges.layer, Logs.live)

const services = Layer.mergeAll(System.layer, monitors, Preflight.layer).pipe(
  Layer.provideMerge(conversations),
  Layer.provideMerge(registry),
  Layer.provideMerge(Events.layer),
)

/** The parts of a gateway that an embedding program may want of its own. */
export const parts = {
  /** What survives a restart: a state folder, held by one process, and a database. */
  storage: Database.layer.pipe(Layer.provideMerge(StateFolder.layer)),
  /** How agents think. */
  runtimes: EchoRuntime.layer,
  /** The routes and wires of the port. */
  routes: Layer.mergeAll(RpcWire.layer, DialectWires.layer, HealthRoutes.layer).pipe(Layer.provide(LocalCalls.layer)),
}

/** Storage that is gone with its scope: a database in memory, and a temporary folder for the token and documents. */
export const storageInMemory = Layer.mergeAll(Database.layerMemory, StateFolder.layerTemporary)

/** What is in the context of whatever is built upon a gateway. */
export type Services =
  | AgentRuntime
  | Agents
  | Authenticator
  | Bindings
  | Connections
  | Events
  | ListeningAddress
  | Logs
  | Memory
  | Runs
  | Sessions
  | SqlClient.SqlClient
  | Sqlite
  | StateFolder
  | System

interface Parts<E1, R1, E2, R2, A3, E3, R3> {
  readonly storage: Layer.Layer<StateFolder | Sqlite | SqlClient.SqlClient, E1, R1>
  readonly runtimes: Layer.Layer<AgentRuntime, E2, R2>
  readonly routes: Layer.Layer<A3, E3, R3>
}

/** The gateway with all that is behind its services in its type, for tests that look inside. */
export const wholeWith = <E1, R1, E2, R2, A3, E3, R3>({
  storage,
  runtimes,
  routes,
}: Parts<E1, R1, E2, R2, A3, E3, R3>) =>
  Drain.layer.pipe(
    Layer.provideMerge(GatewayServer.layer(routes)),
    Layer.provideMerge(GatewayHandlers.layer),
    Layer.provideMerge(services),
    Layer.provideMerge(Layer.mergeAll(storage, runtimes)),
    Layer.provideMerge(Logs.layer),
    Layer.provide([NodeFileSystem.layer, NodePath.layer]),
  )

const withPublicServices = <E, R>(layer: Layer.Layer<Services, E, R>): Layer.Layer<Services, E, R> => layer

/**
 * A gateway with parts of your own: `Gateway.layerWith({ ...Gateway.parts, runtimes: MyRuntimes })`. Building it opens
 * the port, closing its scope drains it: see Drain.ts. It fails with StartupError, whose message says what to do.
 */
export const layerWith = <E1, R1, E2, R2, A3, E3, R3>(parts: Parts<E1, R1, E2, R2, A3, E3, R3>) =>
  withPublicServices(wholeWith(parts))

/** The gateway of the binary. Given a GatewayConfig, it needs nothing else. */
export const layer = layerWith(parts)
