/**
 * Session changes: making, naming, emptying and removing sessions, each answered with the entry as it is now. Lenient
 * where clients act on a session before its first message. Pure.
 */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { Session } from "../../../domain/Session.ts"
import type { Fault } from "../../dialect/Fault.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { call, fail, type Query } from "../../dialect/Query.ts"
import { expecting, ofDelete, ofPatch } from "./Guards.ts"
import type { Row } from "./MethodTable.ts"
import { trimmed, given } from "../../dialect/Params.ts"
import { id, invalid, key, message, name } from "../wire/Params.ts"
import { modelFor, modelId, type AgentCatalog, agentCatalog } from "./AgentCatalog.ts"
import { sessionFor } from "./SessionQueries.ts"
import { canonicalKey, sessionIdOf } from "./SessionKeys.ts"
import { STORE } from "./SessionLists.ts"
import { sessionDefaults, sessionEntry } from "./SessionViews.ts"

const Keyed = Schema.Struct({ key, agentId: name })

const resolved = (roster: AgentCatalog, session: Session) => {
  const model = modelFor(roster, session.agentId, session.model)
  return { modelProvider: model?.runtime ?? null, model: model?.id ?? session.model }
}

const changed = (roster: AgentCatalog, session: Session) => ({
  ok: true,
  path: STORE,
  key: session.key,
  sessionId: sessionIdOf(session),
  entry: sessionEntry(session),
  resolved: resolved(roster, session),
})

/** What of a session can be set: a label or a model that is null or empty is taken away. */
const Settings = { label: name, displayName: name, model: name }

const settingsOf = (
  roster: AgentCatalog,
  { displayName, label, model }: { readonly [K in keyof typeof Settings]?: string | null },
) => ({
  ...(label !== undefined && { label: trimmed(label) ?? null }),
  ...(trimmed(displayName) !== undefined && { displayName: displayName! }),
  ...(model !== undefined && { model: trimmed(model) === undefined ? null : modelId(roster.models, model!) }),
})

const create = dialectMethod(
  Schema.Struct({ key, agentId: name, ...Settings, message, task: message, idempotencyKey: id }),
  ({ agentId, idempotencyKey, key, message, task, ...settings }) =>
    Effect.flatMap(agentCatalog, (roster) => {
      const asked = trimmed(key) === undefined ? undefined : canonicalKey(key, agentId)
      const made = Effect.matchEffect(
        call("sessions.create", {
          ...given({ key: asked, agentId: trimmed(agentId) }),
          ...settingsOf(roster, settings),
        }),
        {
          onSuccess: (session): Query<Session> => Effect.succeed(session),
          onFailure: (fault) =>
            fault._tag === "Domain" && fault.error._tag === "SessionExists" && asked !== undefined
              ? Effect.map(call("sessions.get", { key: asked }), (session) => session)
              : fail(fault),
        },
      )
      return Effect.flatMap(made, (session): Query<object> => {
        const created = changed(roster, session)
        const first = trimmed(message) ?? trimmed(task)
        if (first === undefined) return Effect.succeed({ ...created, runStarted: false })
        return Effect.map(
          call("chat.send", {
            sessionKey: session.key,
            text: first,
            ...given({ idempotencyKey: trimmed(idempotencyKey) }),
          }),
          ({ runId }) => ({ ...created, runStarted: true, runId }),
        )
      })
    }),
)

const Patch = Schema.Struct({ key, agentId: name, ...Settings, ...ofPatch })

const patch = dialectMethod(Patch, ({ agentId, expectedLifecycleRevision, expectedSessionId, key, ...settings }) => {
  if (trimmed(key) === undefined) return invalid("key is required")
  const canonical = canonicalKey(key, agentId)
  return Effect.flatMap(agentCatalog, (roster) => {
    const changes = settingsOf(roster, settings)
    const patched = expecting(canonical, { expectedSessionId, expectedLifecycleRevision }, (expected, orChanged) =>
      Effect.matchEffect(
        call("sessions.patch", { key: canonical, ...changes, ...(expected !== undefined && { expected }) }),
        {
          onSuccess: (session): Query<Session> => Effect.succeed(session),
          onFailure: (fault) =>
            expected === undefined && fault._tag === "Domain" && fault.error._tag === "SessionNotFound"
              ? call("sessions.create", { key: canonical, ...given({ agentId: trimmed(agentId) }), ...changes })
              : orChanged(fault),
        },
      ),
    )
    return Effect.map(patched, (session) => changed(roster, session))
  })
})

/** A session that is not there is as empty as one that was emptied. */
const unlessMissing =
  <A>(value: A) =>
  (fault: Fault): Query<A> =>
    fault._tag === "Domain" && fault.error._tag === "SessionNotFound" ? Effect.succeed(value) : fail(fault)

const reset = dialectMethod(Keyed, ({ agentId, key }) => {
  if (trimmed(key) === undefined) return invalid("key is required")
  const canonical = canonicalKey(key, agentId)
  const emptied = Effect.matchEffect(call("sessions.reset", { key: canonical }), {
    onSuccess: () => Effect.succeed(true),
    onFailure: unlessMissing(false),
  })
  return Effect.flatMap(emptied, () =>
    Effect.map(Effect.all({ roster: agentCatalog, session: sessionFor(canonical) }), ({ roster, session }) =>
      session === undefined
        ? { ok: true, key: canonical, entry: {}, resolved: sessionDefaults(roster) }
        : changed(roster, session),
    ),
  )
})

const Delete = Schema.Struct({ key, agentId: name, ...ofDelete })

const remove = dialectMethod(Delete, ({ agentId, key, ...guards }) => {
  if (trimmed(key) === undefined) return invalid("key is required")
  const canonical = canonicalKey(key, agentId)
  const removed = expecting(canonical, guards, (expected, orChanged) =>
    expected === undefined
      ? Effect.matchEffect(call("sessions.delete", { key: canonical }), {
          onSuccess: () => Effect.succeed(true),
          onFailure: unlessMissing(false),
        })
      : Effect.matchEffect(call("sessions.delete", { key: canonical, expected }), {
          onSuccess: () => Effect.succeed(true),
          onFailure: orChanged,
        }),
  )
  return Effect.map(removed, (deleted) => ({ ok: true, key: canonical, deleted, archived: [] }))
})

export const sessionChangeMethods: ReadonlyArray<Row> = [
  ["sessions.create", "operator.write", create],
  ["sessions.patch", "operator.write", patch],
  ["sessions.reset", "operator.admin", reset],
  ["sessions.delete", "operator.admin", remove],
]
