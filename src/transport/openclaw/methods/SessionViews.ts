/**
 * Session rows: the contract's sessions as this dialect's lists, events and histories show them. Pure.
 */
import type { Session } from "../../../domain/Session.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"
import { MAIN_AGENT, normalizeAgentId } from "../../../domain/Agent.ts"
import { given } from "../../dialect/Params.ts"
import { agentRuntime, modelFor, type AgentCatalog, thinking } from "./AgentCatalog.ts"
import { isMainKey, sessionIdOf } from "./SessionKeys.ts"

const kinds = ["direct", "group", "global", "unknown"] as const

const kindOf = (kind: string): (typeof kinds)[number] => kinds.find((known) => known === kind) ?? "direct"

/** What every session has here, as there are no others yet: nothing is archived, pinned or shared with some only. */
const constant = {
  archived: false,
  pinned: false,
  unread: false,
  visibility: "shared",
  isBackground: false,
  createdVia: "operator",
} as const

/** A name that somebody has given: clients have their own way to show a key. */
export const titleOf = ({ displayName, key, label }: Session): string | undefined =>
  label ?? (displayName === key ? undefined : displayName || undefined)

/** Of the model's context, which clients show beside its size: `contextTokens` is that size here. */
const tokensInUse = ({ contextTokens, totalTokens }: Session): number => contextTokens || totalTokens

/** A row as events tell it: what the session itself knows. */
export const sessionRow = (session: Session) => {
  const { activity, agentId, channel, createdAt, inputTokens, key, kind, label, lastMessage } = session
  const title = titleOf(session)
  const isGroup = kindOf(kind) === "group"
  return {
    ...constant,
    key,
    sessionId: sessionIdOf(session),
    agentId,
    kind: kindOf(kind),
    chatType: isGroup ? "group" : "direct",
    isMain: isMainKey(key),
    classification: isMainKey(key) ? "main" : "custom",
    ...(label !== null && { label }),
    ...(title !== undefined && { displayName: title, derivedTitle: title }),
    ...(lastMessage !== null && { lastMessagePreview: lastMessage }),
    ...(channel !== null && { channel }),
    createdAt,
    updatedAt: session.updatedAt,
    lastInteractionAt: session.updatedAt,
    lastActivityAt: session.updatedAt,
    status: activity === "idle" ? "done" : activity,
    hasActiveRun: activity !== "idle",
    inputTokens,
    outputTokens: session.outputTokens,
    totalTokens: tokensInUse(session),
    totalTokensFresh: true,
    messageCount: session.messageCount,
    ...(session.model !== null && { model: session.model }),
    modelOverrideSource: session.model === null ? null : "user",
  } as const
}
export type SessionRow = ReturnType<typeof sessionRow>

/** What the roster adds to a row: the model that answers, with its window. */
export const modelFields = (roster: AgentCatalog, agentId: string, override: string | null) => {
  const model = modelFor(roster, agentId, override)
  if (model === undefined) return override === null ? {} : { model: override }
  return {
    modelProvider: model.runtime,
    model: model.id,
    ...(model.contextWindow !== null && { contextTokens: model.contextWindow }),
  }
}

/** A row as lists and answers tell it, at a moment and with its open runs. */
export const fullRow = (session: Session, roster: AgentCatalog, now: number, activeRunIds: ReadonlyArray<string>) => ({
  ...sessionRow(session),
  ...modelFields(roster, session.agentId, session.model),
  ...thinking,
  snapshotAt: now,
  activeRunIds,
})

/** A session that nobody has written to yet: clients open it all the same. */
export const unbegunRow = (key: string, agentId: string | undefined, roster: AgentCatalog, now: number) => {
  const agent = agentOfSessionKey(key) ?? (agentId === undefined ? roster.defaultId : normalizeAgentId(agentId))
  return {
    ...constant,
    key,
    agentId: agent,
    kind: "direct",
    chatType: "direct",
    isMain: isMainKey(key),
    classification: isMainKey(key) ? "main" : "custom",
    updatedAt: null,
    hasActiveRun: false,
    activeRunIds: [],
    totalTokensFresh: false,
    modelOverrideSource: null,
    ...modelFields(roster, agent, null),
    ...thinking,
    snapshotAt: now,
  } as const
}

/** What holds for sessions that choose nothing themselves. */
export const sessionDefaults = (roster: AgentCatalog, agentId: string = roster.defaultId || MAIN_AGENT) => {
  const model = modelFor(roster, agentId)
  return {
    modelProvider: model?.runtime ?? null,
    model: model?.id ?? null,
    contextTokens: model?.contextWindow ?? null,
    agentRuntime: agentRuntime(""),
    ...thinking,
    modelSelectionTarget: "session",
  }
}

/** The entry behind a row, as answers to changes give it. */
export const sessionEntry = (session: Session) => ({
  sessionId: sessionIdOf(session),
  createdAt: session.createdAt,
  updatedAt: session.updatedAt,
  chatType: kindOf(session.kind) === "group" ? "group" : "direct",
  ...(session.label !== null && { label: session.label }),
  ...given({ displayName: titleOf(session) }),
  ...(session.model !== null && { modelOverride: session.model }),
  inputTokens: session.inputTokens,
  outputTokens: session.outputTokens,
  totalTokens: tokensInUse(session),
})
