/**
 * AcpRuntime: a runtime over one command-line agent of the configuration. AcpRuntimes loads this module if there is one.
 */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Fs from "node:fs/promises"
import * as Path from "node:path"
import type { AcpAgentSettings } from "../../../domain/AcpAgent.ts"
import type { Model } from "../../../domain/Model.ts"
import type { AgentRuntime } from "../../agents/AgentRuntime.ts"
import type { Attachments } from "../../attachments/Attachments.ts"
import { resolvePath } from "../../storage/StateFolder.ts"
import { type McpServersByName, secretsOfAll } from "./AgentMcpServers.ts"
import { AgentProblems } from "./AgentProblems.ts"
import * as AgentSession from "./AgentSession.ts"
import * as AgentSessions from "./AgentSessions.ts"
import * as AgentSessionStore from "./AgentSessionStore.ts"
import { modelsOf } from "./AgentSettings.ts"

export interface AcpRuntimeOptions {
  /** The name in the configuration. */
  readonly name: string
  readonly settings: AcpAgentSettings
  /** The folder of the files of command-line agents. */
  readonly folder: string
  readonly attachments: Pick<Attachments["Service"], "pathOf" | "read">
  /** The option `mcp` of the gateway. */
  readonly mcpServers: McpServersByName
}

export interface AcpRuntime extends AgentRuntime {
  /** Ends the agent's process of a session as soon as it has no run, and forgets the agent's own session. */
  forget(sessionKey: string): Effect.Effect<void>
}

/** Makes the runtime. It starts the agent with the first run. The end of the scope ends the agent's processes. */
export const make = Effect.fnUntraced(function* ({
  attachments,
  folder,
  mcpServers: configured,
  name,
  settings,
}: AcpRuntimeOptions): Effect.fn.Return<AcpRuntime, never, Scope.Scope> {
  let mcpServers = configured
  const problems = new AgentProblems(name, settings, secretsOfAll(settings.mcp, mcpServers))
  const ownFolder = Path.join(folder, name)
  const cwd = settings.cwd === undefined ? ownFolder : resolvePath(settings.cwd)
  const store = yield* AgentSessionStore.make(`${ownFolder}.json`)
  let models: ReadonlyArray<Model> = []

  const makeFolders = Effect.tryPromise({
    try: () => Fs.mkdir(settings.cwd === undefined ? ownFolder : folder, { recursive: true, mode: 0o700 }),
    catch: (error) =>
      problems.failed(`Cannot make the folder ${folder}: ${error instanceof Error ? error.message : String(error)}.`),
  })

  const open = Effect.suspend(() =>
    AgentSession.open({
      settings: { ...settings, cwd },
      problems,
      store,
      attachments,
      mcpServers,
      onOptions: (options) => {
        models = modelsOf(options).map(({ name, value }) => ({
          id: value,
          name,
          runtime: problems.runtime,
          contextWindow: null,
        }))
      },
    }),
  )
  const sessions = yield* AgentSessions.make(settings, Effect.andThen(makeFolders, open))

  return {
    name: problems.runtime,
    // Known as soon as the agent has opened a session.
    models: Effect.sync(() => models),
    forget: (sessionKey) => Effect.andThen(store.remove(sessionKey), sessions.end(sessionKey)),
    // A process that runs keeps its servers until its end.
    reload: ({ mcp }) => {
      mcpServers = mcp
      problems.hide(secretsOfAll(settings.mcp, mcp))
    },
    run: (turn) => Stream.unwrap(Effect.map(sessions.take(turn.sessionKey), (session) => session.run(turn))),
  }
})
