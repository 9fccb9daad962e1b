/**
 * Hooks: routes by which other programs start runs: `/hooks/wake`, `/hooks/agent` and the mappings of the configuration. They
 * have a token of their own. Mounts.ts mounts them. docs/hooks.md describes them.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as Redacted from "effect/Redacted"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { MAIN_AGENT } from "../../domain/Agent.ts"
import { ID_CHARS } from "../../domain/Bounds.ts"
import { GatewayConfig } from "../../domain/GatewayConfig.ts"
import type { HookSettings } from "../../domain/Hook.ts"
import { shortened } from "../../domain/Text.ts"
import { pathOf } from "../connection/RequestTarget.ts"
import { awaitRun } from "../dialect/Queries.ts"
import { Contract } from "../dialect/Query.ts"
import * as ApiRoutes from "../http/ApiRoutes.ts"
import * as RequestBody from "../http/RequestBody.ts"
import { ContractCalls } from "../kernel/ContractCalls.ts"
import * as HookAccess from "./HookAccess.ts"
import { form, ofFault, plain, refused, respond } from "./HookErrors.ts"
import { isolatedSession, runIdOf } from "./HookIds.ts"
import { AgentBody, WakeBody } from "./HookRequests.ts"
import * as HookRuns from "./HookRuns.ts"
import { actionsOf, mappingFor, mappingsAt, type NamedMapping } from "./Mappings.ts"
import { deliveryHeader, signatureProblem } from "./Signatures.ts"
import { publicHeaders } from "./Template.ts"

type Response = HttpServerResponse.HttpServerResponse

const BODY_BYTES = 262_144
const BODY_TIME = "30 seconds"
/** Longest time for the items of one request. Senders give up after some seconds. */
const ITEMS_MS = 8_000

/** The part of a schema error that the sender reads. */
const ISSUE_CHARS = 500

const late = refused(408, "the body did not arrive in time", { connection: "close" })

const readBody = ({ request }: ApiRoutes.ApiCall) =>
  RequestBody.bytes(request).pipe(Effect.timeoutOrElse({ duration: BODY_TIME, orElse: () => Effect.fail(late) }))

/** Reads a body of one shape. An empty text gets OpenClaw's own error. */
const decoder = <S extends Schema.Constraint>(schema: S) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return Effect.fnUntraced(function* (api: ApiRoutes.ApiCall) {
    const value = yield* RequestBody.parse(api.limits, yield* readBody(api))
    return yield* Effect.mapError(decode(value), ({ message }) => refused(400, shortened(message, ISSUE_CHARS)))
  })
}

const readWake = decoder(WakeBody)
const readAgent = decoder(AgentBody)

/** Returns the key by which the sender repeats a request, from the headers or the body. */
const keyOf = ({ request }: ApiRoutes.ApiCall, inBody?: string | null): Effect.Effect<string | undefined, Response> => {
  const { headers } = request
  const key = headers["idempotency-key"] || headers["x-openclaw-idempotency-key"] || inBody || undefined
  return key !== undefined && key.length > ID_CHARS
    ? Effect.fail(refused(400, `the idempotency key has more than ${ID_CHARS} characters`))
    : Effect.succeed(key)
}

/** Returns the session that a body names, if the options allow it. */
const namedSession = ({ allowRequestSessionKey }: HookSettings, sessionKey: string | null | undefined) =>
  sessionKey && !allowRequestSessionKey
    ? Effect.fail(refused(400, "sessionKey is not allowed: set hooks.allowRequestSessionKey"))
    : Effect.succeed(sessionKey || undefined)

/** Returns the session of a message, or `undefined` if a persistent message has neither a session nor a default. */
const sessionFor = (
  { defaultSessionKey }: HookSettings,
  mode: "isolated" | "persistent" | null | undefined,
  named: string | undefined,
  runId: string,
): string | undefined => {
  const kept = named ?? defaultSessionKey
  if (mode === "persistent") return kept
  if (mode === "isolated") return named === undefined ? isolatedSession(runId) : `${named}:${runId}`
  return kept ?? isolatedSession(runId)
}

const woken = (mode: string) => respond(200, { ok: true, mode, eventOutcome: "queued" })

const routes = Effect.gen(function* () {
  const { hooks } = yield* GatewayConfig
  const contract = yield* ContractCalls
  const { checkNamedSession, start, wake } = yield* HookRuns.make

  const postWake = Effect.fnUntraced(function* (api: ApiRoutes.ApiCall) {
    const body = yield* readWake(api)
    const mode = body.mode ?? "now"
    if (body.text.trim() === "") return yield* Effect.fail(refused(400, "text required"))
    const sessionKey = yield* namedSession(hooks, body.sessionKey)
    if (sessionKey !== undefined && mode !== "now") {
      return yield* Effect.fail(refused(400, 'sessionKey needs mode "now"'))
    }
    yield* checkNamedSession(sessionKey)
    const { agentId: agent, text } = body
    const agentId = agent ?? MAIN_AGENT
    yield* wake({ text, mode, agentId, sessionKey, id: runIdOf(yield* keyOf(api), "wake", text, agentId) })
    return woken(mode)
  })

  const postAgent = Effect.fnUntraced(function* (api: ApiRoutes.ApiCall) {
    const body = yield* readAgent(api)
    if (body.message.trim() === "") return yield* Effect.fail(refused(400, "message required"))
    if (body.channel || body.to || body.accountId) {
      return yield* Effect.fail(
        refused(400, "there are no channels to deliver to: leave out channel, to and accountId"),
      )
    }
    const named = yield* namedSession(hooks, body.sessionKey)
    yield* checkNamedSession(named)
    const { idempotencyKey, ...fields } = body
    const runId = runIdOf(yield* keyOf(api, idempotencyKey), "agent", fields)
    const sessionKey = sessionFor(hooks, body.sessionMode, named, runId)
    if (sessionKey === undefined) {
      return yield* Effect.fail(refused(400, 'sessionMode "persistent" needs a sessionKey or hooks.defaultSessionKey'))
    }
    yield* start({
      name: body.name ?? "Hook",
      message: body.message,
      agentId: body.agentId ?? MAIN_AGENT,
      sessionKey,
      runId,
      deliver: body.deliver ?? true,
      wakeMode: body.wakeMode ?? "next-heartbeat",
      model: body.model ?? undefined,
      thinking: body.thinking ?? undefined,
      timeoutSeconds: body.timeoutSeconds ?? undefined,
    })
    if (body.waitForCompletion !== true) return respond(200, { ok: true, runId })
    const run = yield* Effect.mapError(awaitRun(runId), ofFault)
    return respond(200, { ok: true, runId, completion: HookRuns.completionOf(run) })
  })

  /** Refuses a request whose sender is not known: without the token, or without the signature that the mapping requires. */
  const checkSender = Effect.fnUntraced(function* (
    api: ApiRoutes.ApiCall,
    { signature, signingSecret }: NamedMapping,
    body: ArrayBuffer,
  ) {
    if (signature === undefined) {
      // HookAccess.ts asks for the token unless all mappings at the path are signed.
      return api.caller.principal.id === HookAccess.TOKEN_PRINCIPAL ? undefined : yield* Effect.fail(plain(401))
    }
    const signed = { headers: api.request.headers, body: new Uint8Array(body) }
    const secret = signingSecret && Redacted.value(signingSecret)
    const problem = signatureProblem(signature, secret, signed, yield* Clock.currentTimeMillis)
    if (problem === undefined) return undefined
    yield* Effect.logWarning(`refused a request to a hook from ${api.caller.remoteAddress}: ${problem}`)
    return yield* Effect.fail(plain(401))
  })

  const postMapped = Effect.fnUntraced(function* (api: ApiRoutes.ApiCall) {
    const path = api.params["name"] ?? ""
    const mappings = mappingsAt(hooks, path)
    if (mappings.length === 0) return yield* Effect.fail(plain(404))
    const body = yield* readBody(api)
    const payload = yield* RequestBody.parse(api.limits, body)
    const mapping = mappingFor(mappings, payload)
    if (mapping === undefined) return yield* Effect.fail(plain(404))
    yield* checkSender(api, mapping, body)
    const startedAt = yield* Clock.currentTimeMillis
    const { headers } = api.request
    const now = new Date(startedAt).toISOString()
    const values = { payload, headers: publicHeaders(headers), query: api.query, path, now }
    const delivery = mapping.signature && headers[deliveryHeader[mapping.signature]]
    const actions = actionsOf(mapping, hooks, values, delivery || (yield* keyOf(api)))
    if (actions === undefined) {
      return yield* Effect.fail(refused(400, `forEach: "${mapping.forEach}" must be a list of 200 items at most`))
    }
    const runIds: Array<string> = []
    for (const action of actions) {
      if (mapping.sessionKey !== undefined) yield* checkNamedSession(action.sessionKey)
      if (action._tag === "Wake") yield* wake(action)
      else yield* start(action)
      runIds.push(action._tag === "Wake" ? action.id : action.runId)
      if ((yield* Clock.currentTimeMillis) - startedAt > ITEMS_MS) break
    }
    const [runId] = runIds
    if (runId === undefined) return HttpServerResponse.empty()
    if (mapping.forEach !== undefined) return respond(200, { ok: true, runId, runIds, dispatched: runIds.length })
    return mapping.action === "wake" ? woken(mapping.wakeMode) : respond(200, { ok: true, runId })
  })

  /** Runs the handler with the calls of the sender. */
  const handle =
    <R>(handler: (api: ApiRoutes.ApiCall) => Effect.Effect<Response, Response, R | Contract>) =>
    (api: ApiRoutes.ApiCall) => {
      const { call } = contract.ofCaller({ id: "http", dialect: "hooks", principal: api.caller.principal })
      return Effect.provideService(handler(api), Contract, Contract.calling(call))
    }

  return [
    { method: "POST", path: "/wake", handle: handle(postWake) },
    { method: "POST", path: "/agent", handle: handle(postAgent) },
    { method: "POST", path: "/:name", handle: handle(postMapped) },
  ] satisfies ReadonlyArray<ApiRoutes.ApiRoute>
})

/** Returns the name under which requests to a path count, if all mappings at the path are signed. */
const signedName = (hooks: HookSettings, target: string): string | undefined => {
  const path = pathOf(target).split("/").at(-1) ?? ""
  if (path === "wake" || path === "agent") return undefined
  const mappings = mappingsAt(hooks, path)
  const isSigned = mappings.length > 0 && mappings.every(({ signature }) => signature !== undefined)
  return isSigned ? `hook:${path}` : undefined
}

/** Without a token and signed mappings, nobody could call a hook, so there are no routes. */
const isOn = ({ mappings, token }: HookSettings): boolean =>
  token !== undefined || Object.values(mappings).some(({ signature }) => signature !== undefined)

export const layer = Layer.unwrap(
  Effect.map(GatewayConfig, ({ hooks }) =>
    isOn(hooks)
      ? ApiRoutes.layer({
          prefix: hooks.path as `/${string}`,
          purpose: "hooks that start runs (HTTP)",
          access: HookAccess.make(({ url }) => signedName(hooks, url)),
          errors: form,
          bodyBytes: BODY_BYTES,
          routes,
        })
      : Layer.empty,
  ),
)
