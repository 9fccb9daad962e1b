/**
 * The tool `sessions_spawn`: starts an agent on a task in a session of its own. The session reports back when the task
 * ends (see SpawnReports.ts). Toolkit.ts adds it.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { AgentId } from "../../domain/Agent.ts"
import { Name, NAME_CHARS, nonEmptyText } from "../../domain/Bounds.ts"
import { errorSentence } from "../../domain/ErrorSentence.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import { MessageText } from "../../domain/Message.ts"
import { ThinkingLevel } from "../../domain/Run.ts"
import { shortened } from "../../domain/Text.ts"
import { Runs } from "../runs/Runs.ts"
import { SessionIndex } from "../sessions/SessionIndex.ts"
import { Sessions } from "../sessions/Sessions.ts"
import * as AgentTool from "../tools/AgentTool.ts"
import { Tools } from "../tools/Tools.ts"
import { MessageBudget } from "./MessageBudget.ts"
import { asSender, denied, lineage, mayWrite } from "./Rights.ts"
import { RepeatedCalls } from "./RepeatedCalls.ts"
import { refused } from "./SendTool.ts"
import { spawnedKey, taskRunOf } from "./SpawnedSession.ts"

const TITLE_CHARS = 80

const parameters = Schema.Struct({
  task: MessageText.annotate({ description: "The task, with everything that the agent needs to know." }),
  title: Schema.optionalKey(Name).annotateKey({ description: "A short name of the task." }),
  agent: Schema.optionalKey(AgentId).annotateKey({ description: "The agent for the task. Left out: you yourself." }),
  model: Schema.optionalKey(nonEmptyText(NAME_CHARS)),
  thinking: Schema.optionalKey(ThinkingLevel),
})

const spawn = Effect.gen(function* () {
  const { spawnDepth, spawnedSessions } = (yield* GatewayConfig).tools
  const budget = yield* MessageBudget
  const index = yield* SessionIndex
  const runs = yield* Runs
  const repeated = new RepeatedCalls()
  const sessions = yield* Sessions

  /** Fails if the session is too deep in its tree, or has too many spawned sessions at work. */
  const checkBounds = (parentKey: string, ancestors: ReadonlyArray<string>) => {
    if (ancestors.length > spawnDepth) return fail(`Sessions spawn at most ${spawnDepth} levels. Do the task yourself.`)
    let open = 0
    for (const session of index.values()) if (session.parentKey === parentKey && session.activity !== "idle") open++
    return open >= spawnedSessions
      ? fail(`This session has ${open} spawned sessions at work, which is the limit. Wait for their reports.`)
      : Effect.void
  }

  const handle = Effect.fnUntraced(function* ({ agent, model, task, thinking, title }: typeof parameters.Type) {
    const call = yield* AgentTool.CurrentToolCall
    const agentId = agent ?? call.agent.id
    if (agentId !== call.agent.id && !mayWrite(call)) return yield* denied("use another agent", "operator.write")
    const ancestors = lineage(call.sessionKey, sessions.find)
    const key = spawnedKey(agentId, repeated.idOf(call, agentId, task))
    // A restart repeats the run, which has spawned the session before.
    if (sessions.find(key)?.parentKey === call.sessionKey) return spawned(key)
    yield* checkBounds(call.sessionKey, ancestors)
    yield* budget.spend(ancestors.at(-1)!)
    yield* sessions
      .create({
        key,
        agentId,
        parentKey: call.sessionKey,
        displayName: title ?? shortened(task, TITLE_CHARS),
        ...(model !== undefined && { model }),
        ...(thinking !== undefined && { thinking }),
      })
      .pipe(Effect.mapError(({ _tag }) => failed(`The gateway cannot spawn a session: ${errorSentence(_tag)}.`)))
    yield* runs
      .accept(
        { text: task, sessionKey: key, agentId, commands: false, idempotencyKey: taskRunOf(key)! },
        asSender(call.principal),
      )
      .pipe(Effect.mapError(refused))
    return spawned(key)
  }, Effect.uninterruptible)

  return AgentTool.make({
    name: "sessions_spawn",
    description:
      "Starts an agent on a task in a session of its own, beside this one. Returns at once. When the task ends, this session gets a message with the result.",
    source: "gateway",
    parameters,
    success: Schema.Struct({ sessionKey: Schema.String, note: Schema.String }),
    handle,
  })
})

const spawned = (sessionKey: string) => ({
  sessionKey,
  note: "The agent works on it. Its report comes as a message; do not wait for it.",
})

const failed = (message: string) => new AgentTool.ToolFailed({ message })

const fail = (message: string) => Effect.fail(failed(message))

export const layer: Layer.Layer<never, never, GatewayConfig | MessageBudget | Runs | SessionIndex | Sessions | Tools> =
  Layer.unwrap(Effect.map(spawn, (tool) => Tools.add(tool)))
