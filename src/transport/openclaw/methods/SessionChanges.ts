/**
 * Session changes: making, naming, emptying and removing sessions, each answered with the entry as it is now. Lenient
 * where clients act on a session before its first message. Pure.
 */
import * as Schema from "effect/Schema"
import type { Session } from "../../../domain/Session.ts"
import type { Fault } from "../../dialect/Fault.ts"
import { dialectMethod } from "../../dialect/DialectMethod.ts"
import { all, ask, failed, flatMap, type Inquiry, known, map } from "../../dialect/Query.ts"
import { expecting, ofDelete, ofPatch } from "./Guards.ts"
import type { Row } from "./MethodTable.ts"
import { filled, given, id, invalid, key, message, name } from "../wire/Params.ts"
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
  ...(label !== undefined && { label: filled(label) ?? null }),
  ...(filled(displayName) !== undefined && { displayName: displayName! }),
  ...(model !== undefined && { model: filled(model) === undefined ? null : modelId(roster.models, model!) }),
})

const create = dialectMethod(
  Schema.Struct({ key, agentId: name, ...Settings, message, task: message, idempotencyKey: id }),
  ({ agentId, idempotencyKey, key, message, task, ...settings }) =>
    flatMap(agentCatalog(), (roster) => {
      const asked = filled(key) === undefined ? undefined : canonicalKey(key, agentId)
      const made = ask(
        "sessions.create",
        { ...given({ key: asked, agentId: filled(agentId) }), ...settingsOf(roster, settings) },
        (session): Inquiry<Session> => known(session),
        // Clients make a session to be in it: that it is there already is as good.
        (fault) =>
          fault._tag === "Domain" && fault.error._tag === "SessionExists" && asked !== undefined
            ? ask("sessions.get", { key: asked }, (session) => known(session))
            : failed(fault),
      )
      return flatMap(made, (session): Inquiry<object> => {
        const created = changed(roster, session)
        const first = filled(message) ?? filled(task)
        if (first === undefined) return known({ ...created, runStarted: false })
        return ask(
          "chat.send",
          { sessionKey: session.key, text: first, ...given({ idempotencyKey: filled(idempotencyKey) }) },
          ({ runId }) => known({ ...created, runStarted: true, runId }),
        )
      })
    }),
)

const Patch = Schema.Struct({ key, agentId: name, ...Settings, ...ofPatch })

const patch = dialectMethod(Patch, ({ agentId, expectedLifecycleRevision, expectedSessionId, key, ...settings }) => {
  if (filled(key) === undefined) return invalid("key is required")
  const canonical = canonicalKey(key, agentId)
  return flatMap(agentCatalog(), (roster) => {
    const changes = settingsOf(roster, settings)
    const patched = expecting(canonical, { expectedSessionId, expectedLifecycleRevision }, (expected, orChanged) =>
      ask(
        "sessions.patch",
        { key: canonical, ...changes, ...(expected !== undefined && { expected }) },
        (session): Inquiry<Session> => known(session),
        // A client chooses a model before it says the first word.
        (fault) =>
          expected === undefined && fault._tag === "Domain" && fault.error._tag === "SessionNotFound"
            ? ask("sessions.create", { key: canonical, ...given({ agentId: filled(agentId) }), ...changes }, known)
            : orChanged(fault),
      ),
    )
    return map(patched, (session) => changed(roster, session))
  })
})

/** A session that is not there is as empty as one that was emptied. */
const unlessMissing =
  <A>(value: A) =>
  (fault: Fault): Inquiry<A> =>
    fault._tag === "Domain" && fault.error._tag === "SessionNotFound" ? known(value) : failed(fault)

const reset = dialectMethod(Keyed, ({ agentId, key }) => {
  if (filled(key) === undefined) return invalid("key is required")
  const canonical = canonicalKey(key, agentId)
  const emptied = ask("sessions.reset", { key: canonical }, () => known(true), unlessMissing(false))
  return flatMap(emptied, () =>
    map(all({ roster: agentCatalog(), session: sessionFor(canonical) }), ({ roster, session }) =>
      session === undefined
        ? { ok: true, key: canonical, entry: {}, resolved: sessionDefaults(roster) }
        : changed(roster, session),
    ),
  )
})

const Delete = Schema.Struct({ key, agentId: name, ...ofDelete })

const remove = dialectMethod(Delete, ({ agentId, key, ...guards }) => {
  if (filled(key) === undefined) return invalid("key is required")
  const canonical = canonicalKey(key, agentId)
  const removed = expecting(canonical, guards, (expected, orChanged) =>
    expected === undefined
      ? ask("sessions.delete", { key: canonical }, () => known(true), unlessMissing(false))
      : ask("sessions.delete", { key: canonical, expected }, () => known(true), orChanged),
  )
  return map(removed, (deleted) => ({ ok: true, key: canonical, deleted, archived: [] }))
})

export const sessionChangeMethods: ReadonlyArray<Row> = [
  ["sessions.create", "operator.write", create],
  ["sessions.patch", "operator.write", patch],
  ["sessions.reset", "operator.admin", reset],
  ["sessions.delete", "operator.admin", remove],
]
