/**
 * The services of conversations, on a database of their own or at a place. The runtimes are the echo and those of the test.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import { GatewayConfig, type GatewayOptions } from "../../src/domain/GatewayConfig.ts"
import type { Principal } from "../../src/domain/Principal.ts"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../src/services/agents/AgentRuntimes.ts"
import { Agents } from "../../src/services/agents/Agents.ts"
import { Approvals } from "../../src/services/approvals/Approvals.ts"
import { Attachments } from "../../src/services/attachments/Attachments.ts"
import { Bindings } from "../../src/services/agents/Bindings.ts"
import { BegunTurns } from "../../src/services/runs/BegunTurns.ts"
import * as Cluster from "../../src/services/runs/Cluster.ts"
import { StateFolder, statePaths } from "../../src/services/storage/StateFolder.ts"
import * as TurnDispatcher from "../../src/services/runs/TurnDispatcher.ts"
import { echo } from "../../src/services/agents/EchoRuntime.ts"
import { Events } from "../../src/services/events/Events.ts"
import { IdleActors } from "../../src/services/runs/IdleActors.ts"
import { OpenRuns } from "../../src/services/runs/OpenRuns.ts"
import { Questions } from "../../src/services/questions/Questions.ts"
import { RunAdmission } from "../../src/services/admission/RunAdmission.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { SessionCompaction } from "../../src/services/runs/SessionCompaction.ts"
import * as SessionActor from "../../src/services/runs/SessionActor.ts"
import { SessionIndex } from "../../src/services/sessions/SessionIndex.ts"
import { Sessions } from "../../src/services/sessions/Sessions.ts"
import * as OldTranscripts from "../../src/services/transcript/OldTranscripts.ts"
import { ToolApproval } from "../../src/services/tools/ToolApproval.ts"
import { RunTraces } from "../../src/services/traces/RunTraces.ts"
import { TurnRunner } from "../../src/services/runs/TurnRunner.ts"
import * as TestDatabase from "./TestDatabase.ts"

export interface ConversationOptions {
  readonly config?: GatewayOptions
  /** Where the database is, for tests that start again. See TestDatabase. */
  readonly place?: string
  /** The state folder. Left out: a temporary one. */
  readonly stateDir?: string
  readonly runtimes?: ReadonlyArray<AgentRuntime>
  /** Decides the calls of tools in place of an operator. */
  readonly approve?: (typeof ToolApproval)["Service"]["approve"]
  /** Called with each log message. */
  readonly onLog?: (message: string) => void
}

const stateFolder = (stateDir: string | undefined) =>
  stateDir === undefined
    ? StateFolder.layerTemporary
    : Layer.succeed(StateFolder, StateFolder.of({ ...statePaths(stateDir), lost: Effect.never }))

const layerOver = <A>(
  database: Layer.Layer<Layer.Success<typeof TestDatabase.layer> | A, never, GatewayConfig>,
  { approve, config = {}, onLog, runtimes = [], stateDir }: Omit<ConversationOptions, "place">,
) =>
  Layer.mergeAll(Runs.layer, TurnDispatcher.layer).pipe(
    Layer.provideMerge(SessionCompaction.layer),
    Layer.provideMerge(SessionActor.layer),
    Layer.provideMerge(Layer.mergeAll(TurnRunner.layer, Sessions.layer)),
    Layer.provideMerge(
      Layer.mergeAll(BegunTurns.layer, IdleActors.layer, RunTraces.layer, SessionIndex.layer, Cluster.layer),
    ),
    Layer.provideMerge(OpenRuns.layer),
    Layer.provideMerge(approve === undefined ? Layer.empty : Layer.succeed(ToolApproval, { approve })),
    Layer.provideMerge(Layer.provideMerge(Layer.mergeAll(Approvals.layer, Questions.layer), RunAdmission.layer)),
    Layer.provideMerge(Layer.mergeAll(Agents.layer, Bindings.layer)),
    Layer.provideMerge(OldTranscripts.layer),
    Layer.provideMerge(Layer.provideMerge(Attachments.layer, Layer.merge(Events.layer, stateFolder(stateDir)))),
    Layer.provideMerge(database),
    Layer.provideMerge(AgentRuntimes.add(echo, ...runtimes)),
    Layer.provideMerge(AgentRuntimes.layer),
    Layer.provideMerge(GatewayConfig.layer(config)),
    Layer.provide(Logger.layer(onLog === undefined ? [] : [Logger.make(({ message }) => onLog(String(message)))])),
    Layer.orDie,
  )

export const layer = ({ place, ...options }: ConversationOptions = {}) =>
  layerOver(place === undefined ? TestDatabase.layer : TestDatabase.layerAt(place), options)

/** As `layer`, for tests that reach into its SQLite database. */
export const layerSqlite = (options: Omit<ConversationOptions, "place"> = {}) =>
  layerOver(TestDatabase.layerSqlite, options)

export const principal: Principal = { id: "test", kind: "local", role: "operator", scopes: ["operator.admin"] }

/** Sends a message and waits for the end of its run. */
export const ask = Effect.fnUntraced(function* (text: string, sessionKey: string, idempotencyKey?: string) {
  const runs = yield* Runs
  const send = { text, sessionKey, ...(idempotencyKey !== undefined && { idempotencyKey }) }
  const { runId } = yield* runs.accept(send, principal)
  return yield* runs.wait(runId, 10_000)
})
