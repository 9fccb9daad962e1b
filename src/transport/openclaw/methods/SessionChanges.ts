/**
 * SessionChanges: the methods that create, patch, summarize, reset and delete sessions. `create`, `patch` and `reset`
 * return the session's entry after the change. Clients may change a session before its first message.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Session } from "../../../domain/Session.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { given, hasText, trimmed } from "../../dialect/Params.ts"
import { call, catchError } from "../../dialect/Query.ts"
import { uploadsOf } from "./Artifacts.ts"
import { deleteConditions, guardOf, patchConditions } from "./Guards.ts"
import type { Row } from "./MethodTable.ts"
import { attachments, id, invalid, key, message, name } from "../wire/Params.ts"
import { modelFor, modelId, nameOf, type AgentCatalog, agentCatalog } from "./AgentCatalog.ts"
import { patchOrCreate, sessionFor } from "./SessionQueries.ts"
import { canonicalKey, sessionIdOf } from "./SessionKeys.ts"
import { STORE } from "./SessionLists.ts"
import { thinkingLevel } from "./Thinking.ts"
import { sessionDefaults, sessionEntry } from "./SessionViews.ts"

const resolvedModel = (catalog: AgentCatalog, session: Session) => {
  const model = modelFor(catalog, session.agentId, session.model)
  const name = model && nameOf(model)
  return { modelProvider: name?.provider ?? null, model: name?.model ?? session.model }
}

const changedSession = (catalog: AgentCatalog, session: Session) => ({
  ok: true,
  path: STORE,
  key: session.key,
  sessionId: sessionIdOf(session),
  entry: sessionEntry(session),
  resolved: resolvedModel(catalog, session),
})

const settings = { label: name, displayName: name, model: name, thinkingLevel }
const Settings = Schema.Struct(settings)

/** Returns the settings to change. Null or an empty text removes a label, a model or a thinking level. */
const settingsOf = (catalog: AgentCatalog, { displayName, label, model, thinkingLevel }: typeof Settings.Type) => ({
  ...(label !== undefined && { label: trimmed(label) ?? null }),
  ...(hasText(displayName) && { displayName }),
  ...(model !== undefined && { model: hasText(model) ? modelId(catalog.models, model) : null }),
  ...(thinkingLevel !== undefined && { thinking: thinkingLevel || null }),
})

const create = dialectMethod(
  Schema.Struct({ key, agentId: name, ...settings, message, task: message, attachments, idempotencyKey: id }),
  ({ agentId, attachments, idempotencyKey, message, task, ...params }) =>
    Effect.gen(function* () {
      const catalog = yield* agentCatalog
      const key = hasText(params.key) ? canonicalKey(params.key, agentId) : undefined
      const created = call("sessions.create", {
        ...given({ key, agentId: trimmed(agentId) }),
        ...settingsOf(catalog, params),
      })
      const session = yield* key === undefined
        ? created
        : catchError(created, "SessionExists", () => call("sessions.get", { key }))
      const answer = changedSession(catalog, session)
      const uploads = yield* uploadsOf(attachments)
      const text = trimmed(message) ?? trimmed(task) ?? ""
      if (text === "" && uploads.length === 0) return { ...answer, runStarted: false }
      const { runId } = yield* call("chat.send", {
        sessionKey: session.key,
        text,
        ...(uploads.length > 0 && { attachments: uploads }),
        ...given({ idempotencyKey: trimmed(idempotencyKey) }),
      })
      return { ...answer, runStarted: true, runId }
    }),
)

const Patch = Schema.Struct({ key, agentId: name, ...settings, ...patchConditions })

const patch = dialectMethod(
  Patch,
  ({ agentId, expectedLifecycleRevision, expectedSessionId, key: clientKey, ...params }) => {
    if (!hasText(clientKey)) return invalid("key is required")
    const key = canonicalKey(clientKey, agentId)
    return Effect.gen(function* () {
      const catalog = yield* agentCatalog
      const { enforce, expected } = yield* guardOf(key, { expectedSessionId, expectedLifecycleRevision })
      const session = yield* enforce(patchOrCreate(key, agentId, settingsOf(catalog, params), expected))
      return changedSession(catalog, session)
    })
  },
)

/** A session that does not exist counts as empty. */
const reset = dialectMethod(Schema.Struct({ key, agentId: name }), ({ agentId, key: clientKey }) => {
  if (!hasText(clientKey)) return invalid("key is required")
  const key = canonicalKey(clientKey, agentId)
  return Effect.gen(function* () {
    yield* catchError(call("sessions.reset", { key }), "SessionNotFound", () => Effect.void)
    const catalog = yield* agentCatalog
    const session = yield* sessionFor(key)
    return session === undefined
      ? { ok: true, key, entry: {}, resolved: sessionDefaults(catalog) }
      : changedSession(catalog, session)
  })
})

/** A conversation that stays as it is gets the reason. Clients show it. */
const compact = dialectMethod(Schema.Struct({ key, agentId: name }), ({ agentId, key: clientKey }) => {
  if (!hasText(clientKey)) return invalid("key is required")
  const key = canonicalKey(clientKey, agentId)
  const unchanged = (ok: boolean, reason: string) => ({ ok, key, compacted: false, reason })
  const compacted = Effect.map(call("sessions.compact", { key }), ({ summary }) =>
    summary === null
      ? unchanged(true, "no message since the last summary")
      : { ok: true, key, compacted: true, result: { summary: summary.text } },
  )
  const attempt = catchError(compacted, "SessionNotFound", () => Effect.succeed(unchanged(true, "no transcript")))
  return catchError(attempt, "CompactionFailed", ({ message }) => Effect.succeed(unchanged(false, String(message))))
})

const Delete = Schema.Struct({ key, agentId: name, ...deleteConditions })

/** Without conditions, deleting a session that does not exist succeeds. */
const remove = dialectMethod(Delete, ({ agentId, key: clientKey, ...conditions }) => {
  if (!hasText(clientKey)) return invalid("key is required")
  const key = canonicalKey(clientKey, agentId)
  return Effect.gen(function* () {
    const { enforce, expected } = yield* guardOf(key, conditions)
    const removed = Effect.as(call("sessions.delete", { key, ...given({ expected }) }), true)
    const deleted = yield* expected === undefined
      ? catchError(removed, "SessionNotFound", () => Effect.succeed(false))
      : enforce(removed)
    return { ok: true, key, deleted, archived: [] }
  })
})

export const sessionChangeMethods: ReadonlyArray<Row> = [
  ["sessions.create", "operator.write", create],
  ["sessions.patch", "operator.write", patch],
  ["sessions.compact", "operator.admin", compact],
  ["sessions.reset", "operator.admin", reset],
  ["sessions.delete", "operator.admin", remove],
]
