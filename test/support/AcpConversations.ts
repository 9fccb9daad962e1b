/** Conversations with our own command-line agent (AcpAgent.ts) behind the runtime `acp/test`. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { join } from "node:path"
import { AcpAgentSettings } from "../../src/domain/AcpAgent.ts"
import { McpServers } from "../../src/domain/McpServer.ts"
import type { Agent, ToolPermissions } from "../../src/domain/Agent.ts"
import { attachmentFiles } from "../../src/services/attachments/AttachmentFiles.ts"
import { Agents } from "../../src/services/agents/Agents.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as AcpRuntime from "../../src/services/runtimes/acp/AcpRuntime.ts"
import { statePaths } from "../../src/services/storage/StateFolder.ts"
import { ask, type ConversationOptions, layer as conversations, principal } from "./Conversations.ts"
import { temporaryFolder } from "./GatewayProcess.ts"

export const AGENT = join(import.meta.dirname, "AcpAgent.ts")

/** The value of the agent's variable SECRET. */
export const SECRET = "sk-hidden-123456"

export interface AcpOptions extends Omit<ConversationOptions, "runtimes"> {
  /** The abilities and habits of the agent, separated by commas. See AcpAgent.ts. */
  readonly mode?: string
  readonly settings?: Partial<typeof AcpAgentSettings.Encoded>
  /** The folder of the runtime's files. Left out: a new one. */
  readonly folder?: string
}

const decode = Schema.decodeUnknownSync(AcpAgentSettings)

/** The services of conversations. The end of the scope ends the agent. */
export const layer = ({ config = {}, folder, mode = "", settings = {}, ...options }: AcpOptions = {}) =>
  Layer.unwrap(
    Effect.gen(function* () {
      const stateDir = yield* temporaryFolder
      const { pathOf, read } = attachmentFiles(statePaths(stateDir).attachmentsDir)
      const runtime = yield* AcpRuntime.make({
        name: "test",
        attachments: { pathOf, read },
        mcpServers: Schema.decodeUnknownSync(McpServers)(config.mcp ?? {}),
        folder: folder ?? (yield* temporaryFolder),
        settings: decode({
          command: process.execPath,
          args: [AGENT],
          env: { AGENT_MODE: mode, SECRET },
          ...settings,
        }),
      })
      return conversations({ ...options, stateDir, config: { runtime: "acp/test", ...config }, runtimes: [runtime] })
    }),
  )

/** The answer of our agent to `where`. */
export interface Where {
  readonly sessionId: string
  readonly pid: number
  readonly messages: ReadonlyArray<string>
  readonly blocks: ReadonlyArray<string>
  readonly model: string
}

/** Asks the agent where it is, and for the prompt that it got. */
export const where = (sessionKey: string, text = "where") =>
  Effect.map(ask(text, sessionKey), ({ reply = "{}" }) => JSON.parse(reply) as Where)

/** Changes the agent `main`. */
export const change = (changes: Partial<Pick<Agent, "model" | "personality">> & { readonly tools?: ToolPermissions }) =>
  Effect.flatMap(Agents, (agents) => agents.update("main", changes))

export { ask }

/** Starts a run and returns its id after the agent has said something. */
export const askUntilHeard = Effect.fnUntraced(function* (text: string, sessionKey: string) {
  const runs = yield* Runs
  const heard = yield* Deferred.make<string>()
  yield* Effect.forkChild(
    Stream.runForEach(runs.stream({ text, sessionKey }, principal), (item) =>
      item._tag === "Event" && item.event._tag === "TextDelta"
        ? Deferred.succeed(heard, item.event.runId)
        : Effect.void,
    ),
  )
  return yield* Deferred.await(heard)
})
