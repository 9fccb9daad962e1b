/**
 * AgentSession: one process of an agent that serves one session of the gateway. It opens the agent's own session (a new one,
 * or the earlier one again), sends prompts, answers permission requests and cancels. AgentSessions holds the processes.
 */
import * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Queue from "effect/Queue"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { createHash } from "node:crypto"
import type { AcpAgentSettings } from "../../../domain/AcpAgent.ts"
import { systemPrompt } from "../../../domain/Agent.ts"
import type { Answers } from "../../../domain/Question.ts"
import type { RuntimeEvent, RuntimeFailed } from "../../../domain/Run.ts"
import type { Turn } from "../../agents/AgentRuntime.ts"
import type { Attachments } from "../../attachments/Attachments.ts"
import { RunSecrets } from "../../tools/RunSecrets.ts"
import { ONCE_ONLY, ToolApproval } from "../../tools/ToolApproval.ts"
import { ToolQuestion } from "../../tools/ToolQuestion.ts"
import { type ElicitationRequest, type ElicitationResponse, type Form, formOf } from "./AgentElicitation.ts"
import * as AgentConnection from "./AgentConnection.ts"
import { type McpServersByName, serversFor } from "./AgentMcpServers.ts"
import { AgentOutput } from "./AgentOutput.ts"
import { answerFor, mayAsk, permissionOf } from "./AgentPermissions.ts"
import * as Trace from "../../traces/Trace.ts"
import { blocksOf } from "./AgentFiles.ts"
import type { AgentProblems } from "./AgentProblems.ts"
import { promptOf, unseenBy } from "./AgentPrompt.ts"
import type { AgentSessionStore } from "./AgentSessionStore.ts"
import { selectModel, selectThinking, SET_MODEL, type SettingChange, settingsOf } from "./AgentSettings.ts"
import { AgentUpdate, ConfigOption, maybe, ModelState } from "./AgentUpdates.ts"

export interface AgentSession {
  /** Returns the output of a run. An interrupt cancels the prompt. */
  run(turn: Turn): Stream.Stream<RuntimeEvent, RuntimeFailed>
  /** False if the process has ended or did not obey a cancellation. */
  readonly isUsable: () => boolean
}

/** Everything that the sessions of an agent share. */
export interface AgentContext {
  readonly settings: AcpAgentSettings & { readonly cwd: string }
  readonly problems: AgentProblems
  readonly store: AgentSessionStore
  readonly attachments: Pick<Attachments["Service"], "pathOf" | "read">
  /** The option `mcp` of the gateway. */
  readonly mcpServers: McpServersByName
  /** Called with the settings that the agent offers. */
  readonly onOptions: (options: ReadonlyArray<ConfigOption>) => void
}

const Options = Schema.Struct({ configOptions: maybe(Schema.Array(ConfigOption)), models: maybe(ModelState) })

const Opened = Schema.Struct({ sessionId: Schema.String, ...Options.fields })

/** An agent may answer with nothing. */
const Reopened = Schema.NullishOr(Options)

/** The events of a run in memory. A faster agent waits. */
const BUFFERED_EVENTS = 256

/** The time in which an agent obeys a cancellation. The gateway gives a runtime 5 seconds in all. */
const CANCEL_TIMEOUT = "3 seconds"

/** The prompt that the agent works on. */
interface Prompt {
  readonly sessionId: string
  readonly turn: Turn
  readonly output: AgentOutput
  readonly emit: (events: ReadonlyArray<RuntimeEvent>) => Promise<unknown>
  readonly cancelled: AbortController
}

/** Starts the agent. The end of the scope ends it. */
export const open = Effect.fn("AgentSession.open")(function* (
  context: AgentContext,
): Effect.fn.Return<AgentSession, RuntimeFailed, Scope.Scope> {
  const { problems, settings, store } = context
  const { approve } = yield* ToolApproval
  const { ask: question } = yield* ToolQuestion
  const secrets = yield* RunSecrets
  const runPromise = Effect.runPromiseWith(yield* Effect.context<never>())
  let current: Prompt | undefined
  let options: ReadonlyArray<ConfigOption> = []
  let models: ModelState | undefined
  let openId: string | undefined
  let isObedient = true

  const keepOptions = (changed: typeof Options.Type | null | undefined) => {
    if (changed == null) return
    models = changed.models ?? models
    options = settingsOf(changed.configOptions ?? options, models)
    context.onOptions(options)
  }

  const decodeUpdate = Schema.decodeUnknownOption(AgentUpdate)

  const update = async (sessionId: string, foreign: unknown) => {
    const decoded = decodeUpdate(foreign)
    if (decoded._tag === "None") return
    if (decoded.value.sessionUpdate === "config_option_update") return keepOptions(decoded.value)
    // An agent that reopens a session repeats its messages before the prompt.
    if (current === undefined || current.sessionId !== sessionId || current.cancelled.signal.aborted) return
    const events = current.output.next(decoded.value)
    if (events.length > 0) await current.emit(events)
  }

  /** Returns the reason to refuse the call, or `undefined` if it may run. */
  const refusalOf = Effect.fnUntraced(function* ({ output, turn }: Prompt, callId: string) {
    const { agent, attempt, principal, runId, sessionKey } = turn
    const kind = output.kindOf(callId) ?? "other"
    const permission = permissionOf(kind, settings.permissions, agent.tools)
    if (permission === "allow") return undefined
    if (permission === "deny") {
      return `Denied: the permission for "${kind}" is deny, in the tools of agent "${agent.id}" or the permissions of ${problems.runtime}.`
    }
    const run = { agent, sessionKey, runId, attempt, principal }
    const whole = output.inputOf(callId)
    const input = secrets.mask(runId, whole)
    const request = { ...run, callId, tool: kind, input }
    // A title or a masked input is not the whole input, so it cannot stand for later calls.
    const isWhole = output.hasInput(callId) && input === whole
    return yield* Effect.scoped(approve({ ...request, ...(!isWhole && ONCE_ONLY) })).pipe(
      Effect.as(undefined),
      Effect.catch(({ message }) => Effect.succeed(message)),
    )
  })

  const permission = async (request: AgentConnection.PermissionRequest, signal: AbortSignal) => {
    const prompt = current
    if (prompt === undefined || prompt.sessionId !== request.sessionId) return undefined
    const { toolCallId } = request.toolCall
    await prompt.emit(prompt.output.asked(request.toolCall))
    const ended = AbortSignal.any([signal, prompt.cancelled.signal])
    const refusal = await runPromise(refusalOf(prompt, toolCallId), { signal: ended }).catch((error: unknown) => {
      if (ended.aborted) return undefined
      throw error
    })
    if (ended.aborted) return undefined
    if (refusal !== undefined) await prompt.emit(prompt.output.refused(toolCallId, refusal))
    return answerFor(refusal === undefined, request.options)
  }

  /** Asks the questions of a form one after another. */
  const fillIn = Effect.fnUntraced(function* ({ turn }: Prompt, form: Form, callId: string) {
    const { agent, attempt, principal, runId, sessionKey } = turn
    let answers: Answers = {}
    for (const parts of form.questions) {
      const outcome = yield* question({ agent, attempt, principal, runId, sessionKey, callId, parts })
      if (outcome._tag === "Unanswered") {
        return outcome.reason === "declined" ? ({ action: "decline" } as const) : ({ action: "cancel" } as const)
      }
      answers = Object.assign({}, answers, outcome.answers)
    }
    const content = form.content(answers)
    return content === undefined ? ({ action: "decline" } as const) : ({ action: "accept", content } as const)
  }, Effect.scoped)

  const elicit = async (request: ElicitationRequest, signal: AbortSignal): Promise<ElicitationResponse> => {
    const prompt = current
    if (prompt === undefined || (request.sessionId ?? prompt.sessionId) !== prompt.sessionId)
      return { action: "cancel" }
    const form = formOf(request)
    if (form === undefined || !mayAsk(settings.permissions, prompt.turn.agent.tools)) return { action: "decline" }
    const ended = AbortSignal.any([signal, prompt.cancelled.signal])
    const asked = fillIn(prompt, form, request.toolCallId ?? "elicitation")
    return runPromise(asked, { signal: ended }).catch(() => ({ action: "cancel" }))
  }

  const connection = yield* AgentConnection.open(settings, problems, { update, permission, elicit })
  const mcpServers = yield* serversFor(settings.mcp, context.mcpServers, connection.takesHttpServers, problems)

  /** Opens the agent's earlier session again. Returns whether the agent can and does. */
  const reopen = Effect.fnUntraced(function* (sessionId: string) {
    if (connection.reopens === undefined) return false
    const params = { sessionId, cwd: settings.cwd, mcpServers }
    const reopened = yield* Effect.exit(connection.request(connection.reopens, params, Reopened))
    if (reopened._tag === "Failure") {
      yield* Effect.logInfo(`${problems.runtime} starts a new session, because it cannot reopen the earlier one`)
      return false
    }
    openId = sessionId
    keepOptions(reopened.value)
    return true
  })

  const openNew = Effect.fnUntraced(function* () {
    const opened = yield* connection.request("session/new", { cwd: settings.cwd, mcpServers }, Opened)
    openId = opened.sessionId
    keepOptions(opened)
    return opened.sessionId
  })

  /** Opens the agent's session for a turn. Returns what the session does not know yet. */
  const ready = Effect.fnUntraced(function* (turn: Turn) {
    const { agent, sessionKey } = turn
    const instruction = agent.personality === "" ? "" : systemPrompt(agent)
    const record = yield* store.get(sessionKey)
    const history = yield* turn.history
    const unseen = record === undefined ? undefined : unseenBy(record.lastRunId, history)
    if (record !== undefined && unseen !== undefined && (record.id === openId || (yield* reopen(record.id)))) {
      const isNew = record.instruction !== digestOf(instruction)
      return { sessionId: record.id, instruction: isNew ? instruction : "", unseen }
    }
    return { sessionId: yield* openNew(), instruction, unseen: history }
  })

  const change = Effect.fnUntraced(function* (sessionId: string, setting: SettingChange | undefined) {
    if (setting === undefined) return
    if (setting.configId === SET_MODEL) {
      yield* connection.request(SET_MODEL, { sessionId, modelId: setting.value }, Schema.Unknown)
      const others = options.filter(({ id }) => id !== SET_MODEL)
      return keepOptions({ configOptions: others, models: models && { ...models, currentModelId: setting.value } })
    }
    return keepOptions(yield* connection.request("session/set_config_option", { sessionId, ...setting }, Options))
  })

  const configure = Effect.fnUntraced(function* (sessionId: string, { model, thinking }: Turn) {
    if (model !== "") {
      const selection = selectModel(model, options)
      if (selection !== undefined && "problem" in selection) {
        return yield* problems.failed(`${problems.runtime} cannot run: ${selection.problem}`, "configuration")
      }
      yield* change(sessionId, selection)
    }
    if (thinking !== undefined) yield* change(sessionId, selectThinking(thinking, options))
  })

  const remember = ({ agent, runId, sessionKey }: Turn, id: string) => {
    const instruction = digestOf(agent.personality === "" ? "" : systemPrompt(agent))
    return store.set(sessionKey, { id, lastRunId: runId, instruction })
  }

  /** Asks the agent to stop, and waits until it has. The next run then continues the session. */
  const cancel = Effect.fnUntraced(function* (
    { cancelled, sessionId, turn }: Prompt,
    answering: Fiber.Fiber<AgentConnection.PromptResult, RuntimeFailed>,
  ) {
    cancelled.abort()
    connection.notify("session/cancel", { sessionId })
    const exit = yield* Effect.timeoutOption(Fiber.await(answering), CANCEL_TIMEOUT)
    isObedient = exit._tag === "Some"
    if (exit._tag === "Some" && exit.value._tag === "Success") yield* remember(turn, sessionId)
    answering.interruptUnsafe()
  })

  const answer = Effect.fnUntraced(function* (
    turn: Turn,
    queue: Queue.Queue<RuntimeEvent, RuntimeFailed | Cause.Done>,
  ) {
    const { instruction, sessionId, unseen } = yield* ready(turn)
    yield* configure(sessionId, turn)
    const output = new AgentOutput()
    // Nobody takes the events of a run that has ended.
    const emit = (events: ReadonlyArray<RuntimeEvent>) => runPromise(Queue.offerAll(queue, events)).catch(() => {})
    const prompt: Prompt = { sessionId, turn, output, emit, cancelled: new AbortController() }
    current = prompt
    const texts = promptOf({ instruction, unseen, text: turn.text }).map((text) => ({ type: "text", text }))
    const files = yield* blocksOf(context.attachments, turn.attachments, connection.takesImages)
    const traceparent = yield* Trace.outgoingText
    const params = {
      sessionId,
      prompt: [...files, ...texts],
      // The protocol reserves this name: https://agentclientprotocol.com/protocol/extensibility
      ...(traceparent !== undefined && { _meta: { traceparent } }),
    }
    // The answer to the prompt also ends a cancellation, so the interrupt of the run does not end its fiber.
    const answering = yield* Effect.forkDetach(connection.prompt(params))
    const { stopReason, usage } = yield* Fiber.join(answering).pipe(
      Effect.tapError(() => Queue.offerAll(queue, output.end())),
      Effect.onInterrupt(() => Effect.andThen(Queue.shutdown(queue), cancel(prompt, answering))),
    )
    current = undefined
    yield* Queue.offerAll(queue, output.end(usage))
    const problem = stopReason === "end_turn" ? undefined : (stops[stopReason] ?? `stopped: ${stopReason}`)
    if (problem !== undefined) {
      return yield* problems.failed(`${problems.runtime} ${problem}.`, stopReason === "refusal" ? "refusal" : undefined)
    }
    yield* remember(turn, sessionId)
    yield* Queue.end(queue)
  })

  return {
    run: (turn) =>
      Stream.callback<RuntimeEvent, RuntimeFailed>(
        (queue) =>
          Effect.ensuring(
            answer(turn, queue),
            Effect.sync(() => {
              current = undefined
            }),
          ),
        { bufferSize: BUFFERED_EVENTS, strategy: "suspend" },
      ),
    isUsable: () => isObedient && connection.isOpen(),
  }
})

/** The ends of a prompt other than the agent's own. */
const stops: Readonly<Record<string, string>> = {
  max_tokens: "stopped at its limit of tokens, so the reply is not complete",
  max_turn_requests: "stopped at its limit of model requests, so the task is not complete",
  refusal: "refused to answer",
  cancelled: "cancelled the run by itself",
}

const digestOf = (text: string): string =>
  text === "" ? "" : createHash("sha256").update(text).digest("hex").slice(0, 32)
