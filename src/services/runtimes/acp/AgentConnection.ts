/**
 * AgentConnection: a running agent and the ACP connection to it, over the official SDK. It starts the process, agrees on the
 * protocol, logs in if the agent asks, and sends requests. AgentSession uses it.
 *
 * The gateway offers agents neither files nor terminals: an agent has its own tools, and those work on its own machine.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import type { AcpAgentSettings } from "../../../domain/AcpAgent.ts"
import type { RuntimeFailed } from "../../../domain/Run.ts"
import { shortened } from "../../../domain/Text.ts"
import { VERSION } from "../../../domain/Version.ts"
import * as SupervisedProcess from "../../processes/SupervisedProcess.ts"
import { messagesOf } from "./AgentMessages.ts"
import { type AgentProblems, isLoginRequired, type LoginMethod } from "./AgentProblems.ts"
import { ElicitationRequest, type ElicitationResponse } from "./AgentElicitation.ts"
import { AgentToolCall, maybe, UpdateParams } from "./AgentUpdates.ts"
import { AgentUsage } from "./AgentUsage.ts"

/** The parameters of `session/request_permission`. */
const PermissionRequest = Schema.Struct({
  sessionId: Schema.String,
  toolCall: AgentToolCall,
  options: Schema.Array(Schema.Struct({ optionId: Schema.String, kind: Schema.String })),
})
export type PermissionRequest = typeof PermissionRequest.Type

/** The calls of the agent. */
export interface AgentHandlers {
  /** Takes an update. The connection reads on after the promise has resolved. */
  update(sessionId: string, update: unknown): Promise<void>
  /** Returns the id of the chosen option, or `undefined` if the prompt was cancelled. */
  permission(request: PermissionRequest, signal: AbortSignal): Promise<string | undefined>
  /** Returns the content of a form that the agent asks people to fill in. */
  elicit(request: ElicitationRequest, signal: AbortSignal): Promise<ElicitationResponse>
}

const PromptResult = Schema.Struct({ stopReason: Schema.String, usage: maybe(AgentUsage) })
export type PromptResult = typeof PromptResult.Type

const Initialized = Schema.Struct({
  protocolVersion: Schema.Finite,
  agentCapabilities: maybe(
    Schema.Struct({
      loadSession: maybe(Schema.Boolean),
      mcpCapabilities: maybe(Schema.Struct({ http: maybe(Schema.Boolean) })),
      promptCapabilities: maybe(Schema.Struct({ image: maybe(Schema.Boolean) })),
      sessionCapabilities: maybe(Schema.Struct({ resume: maybe(Schema.Unknown) })),
    }),
  ),
  authMethods: maybe(
    Schema.Array(
      Schema.Struct({
        id: Schema.String,
        name: maybe(Schema.String),
        type: maybe(Schema.String),
        args: maybe(Schema.Array(Schema.String)),
      }),
    ),
  ),
})

export interface AgentConnection {
  /** How the agent opens one of its sessions again, if it can. */
  readonly reopens: "session/resume" | "session/load" | undefined
  /** Whether the agent connects to remote MCP servers. Every agent connects to local ones. */
  readonly takesHttpServers: boolean
  /** Whether prompts may contain images. */
  readonly takesImages: boolean
  /** Sends a request and decodes the result. Fails if the agent refuses it, ends, needs a login or takes over a minute. */
  request<S extends Schema.Codec<unknown, unknown>>(
    method: string,
    params: object,
    result: S,
  ): Effect.Effect<S["Type"], RuntimeFailed>
  /** Sends `session/prompt`, which may take any time. */
  prompt(params: object): Effect.Effect<PromptResult, RuntimeFailed>
  notify(method: string, params: object): void
  readonly isOpen: () => boolean
}

/** The agent refused a request, or the connection ended before its answer. */
class Refusal extends Schema.TaggedError<Refusal>()("Refusal", { error: Schema.Unknown }) {}

/** The time for an answer. `npx` may have to download the agent first. */
const START_TIMEOUT = "60 seconds"

/** The time in which an agent whose connection is closed exits. */
const EXIT_TIMEOUT = "3 seconds"

/** Starts the agent. The end of the scope ends its process group. Fails if it does not answer within a minute. */
export const open = Effect.fn("AgentConnection.open")(function* (
  settings: AcpAgentSettings & { readonly cwd: string },
  problems: AgentProblems,
  handlers: AgentHandlers,
): Effect.fn.Return<AgentConnection, RuntimeFailed, Scope.Scope> {
  // Loads the library with the first agent, because it takes 60 ms.
  const acp = yield* Effect.promise(() => import("@agentclientprotocol/sdk"))
  const process = yield* Effect.mapError(SupervisedProcess.start(settings), ({ message }) => problems.failed(message))
  const app = acp
    .client({ name: "causeway" })
    .onRequest(
      acp.methods.client.session.requestPermission,
      Schema.decodeUnknownSync(PermissionRequest),
      async ({ params, signal }) => {
        const optionId = await handlers.permission(params, signal)
        return { outcome: optionId === undefined ? { outcome: "cancelled" } : { outcome: "selected", optionId } }
      },
    )
    .onRequest(
      acp.methods.client.elicitation.create,
      Schema.decodeUnknownSync(ElicitationRequest),
      async ({ params, signal }) => handlers.elicit(params, signal),
    )
  const decodeUpdate = Schema.decodeUnknownOption(UpdateParams)
  const messages = messagesOf(process, async (params) => {
    const update = decodeUpdate(params)
    if (update._tag === "Some") await handlers.update(update.value.sessionId, update.value.update)
  })
  const connection = yield* Effect.acquireRelease(
    Effect.sync(() => app.connect(messages)),
    (connection) => Effect.sync(() => connection.close()),
  )

  const send = (method: string, params: object) =>
    Effect.tryPromise({
      try: () => connection.agent.request<unknown, object>(method, params),
      catch: (error) => new Refusal({ error }),
    })

  let logins: ReadonlyArray<LoginMethod> = []

  /** Fails with the reason of a refusal: a missing login, the agent's answer, or the end of its process. */
  const explain = (method: string) =>
    Effect.fnUntraced(function* ({ error }: Refusal) {
      if (isLoginRequired(error)) return yield* problems.loginRequired(error, logins)
      if (error instanceof acp.RequestError) return yield* problems.refused(method, error)
      const obituary = yield* Effect.timeoutOption(process.obituary, EXIT_TIMEOUT)
      return yield* obituary._tag === "Some"
        ? problems.failed(`${problems.runtime} ended: ${problems.clean(obituary.value)}`)
        : problems.failed(`The connection to ${problems.runtime} failed: ${problems.clean(String(error))}`)
    })

  const decoded =
    <S extends Schema.Codec<unknown, unknown>>(method: string, schema: S) =>
    (result: unknown) =>
      Effect.mapError(Schema.decodeUnknownEffect(schema)(result), ({ message }) =>
        problems.failed(
          `${problems.runtime} answered ${method} with an invalid result: ${shortened(problems.clean(message), 500)}`,
        ),
      )

  const silent = Effect.suspend(() => {
    const lines = process.lastLines.all()
    const output = lines.length === 0 ? "It wrote nothing." : `Its last lines:\n${problems.clean(lines.join("\n"))}`
    return Effect.fail(
      problems.failed(`${problems.runtime} did not answer within ${START_TIMEOUT}. ${output}`, "timeout"),
    )
  })

  const initialized = yield* send(acp.methods.agent.initialize, {
    protocolVersion: acp.PROTOCOL_VERSION,
    clientInfo: { name: "causeway", title: "Causeway", version: VERSION },
    clientCapabilities: {
      fs: { readTextFile: false, writeTextFile: false },
      terminal: false,
      elicitation: { form: {} },
    },
  }).pipe(
    Effect.catchTag("Refusal", explain("initialize")),
    Effect.flatMap(decoded("initialize", Initialized)),
    Effect.timeoutOrElse({ duration: START_TIMEOUT, orElse: () => silent }),
  )
  if (initialized.protocolVersion !== acp.PROTOCOL_VERSION) {
    return yield* problems.failed(
      `${problems.runtime} speaks version ${initialized.protocolVersion} of ACP, and the gateway version ${acp.PROTOCOL_VERSION}. Install another version of the agent.`,
    )
  }
  const { agentCapabilities, authMethods } = initialized
  logins = authMethods ?? []
  const canResume = (agentCapabilities?.sessionCapabilities?.resume ?? undefined) !== undefined

  /** Sends the request again after a login with the configured method. */
  const sendAfterLogin = (method: string, params: object, methodId: string) =>
    Effect.andThen(send(acp.methods.agent.authenticate, { methodId }), send(method, params))

  const request = <S extends Schema.Codec<unknown, unknown>>(method: string, params: object, result: S) =>
    send(method, params).pipe(
      Effect.catchTag("Refusal", (refusal) =>
        settings.login !== undefined && isLoginRequired(refusal.error)
          ? sendAfterLogin(method, params, settings.login)
          : Effect.fail(refusal),
      ),
      Effect.catchTag("Refusal", explain(method)),
      Effect.flatMap(decoded(method, result)),
    )

  return {
    reopens: canResume ? "session/resume" : agentCapabilities?.loadSession === true ? "session/load" : undefined,
    takesHttpServers: agentCapabilities?.mcpCapabilities?.http === true,
    takesImages: agentCapabilities?.promptCapabilities?.image === true,
    request: (method, params, result) =>
      Effect.timeoutOrElse(request(method, params, result), { duration: START_TIMEOUT, orElse: () => silent }),
    prompt: (params) => request(acp.methods.agent.session.prompt, params, PromptResult),
    notify: (method, params) => void connection.agent.notify(method, params).catch(() => {}),
    isOpen: () => !connection.signal.aborted && !process.hasExited(),
  }
})
