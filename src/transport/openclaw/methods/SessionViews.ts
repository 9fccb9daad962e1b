/**
 * SessionViews: views of sessions for lists, events, histories and answers. The methods of sessions and chats, `status`
 * and SessionEvents.ts use it.
 */
import type { Session } from "../../../domain/Session.ts"
import { agentOfSessionKey } from "../../../domain/Routing.ts"
import { MAIN_AGENT, normalizeAgentId } from "../../../domain/Agent.ts"
import { given } from "../../dialect/Params.ts"
import { agentRuntime, modelFor, nameOf, agentOf, type AgentCatalog, thinkingChoices } from "./AgentCatalog.ts"
import { isMainKey, sessionIdOf } from "./SessionKeys.ts"

const kinds = ["direct", "group", "global", "unknown"] as const

const kindOf = (kind: string): (typeof kinds)[number] => kinds.find((known) => known === kind) ?? "direct"

/** Fields that are the same for every session: the contract has no archive, no pins and no private sessions. */
const constantFields = {
  archived: false,
  pinned: false,
  unread: false,
  visibility: "shared",
  isBackground: false,
  createdVia: "operator",
} as const

/** Returns the given name of a session, or `undefined` if it has only its key. Clients show keys in their own way. */
export const titleOf = ({ displayName, key, label }: Session): string | undefined =>
  label ?? (displayName === key ? undefined : displayName || undefined)

/** The tokens of the model's context in use. Clients show them beside `contextTokens`, the size of the context. */
const tokensInUse = ({ contextTokens, totalTokens }: Session): number => contextTokens || totalTokens

/** The part of a row that follows from the session alone. */
export const sessionRow = (session: Session) => {
  const { activity, agentId, channel, createdAt, inputTokens, key, kind, label, lastMessage, parentKey } = session
  const title = titleOf(session)
  const isGroup = kindOf(kind) === "group"
  return {
    ...constantFields,
    key,
    sessionId: sessionIdOf(session),
    agentId,
    kind: kindOf(kind),
    chatType: isGroup ? "group" : "direct",
    isMain: isMainKey(key),
    classification: isMainKey(key) ? "main" : parentKey === undefined ? "custom" : "subagent",
    ...(parentKey !== undefined && { spawnedBy: parentKey, parentSessionKey: parentKey }),
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
    ...given({ thinkingLevel: session.thinking }),
    modelOverrideSource: session.model === null ? null : "user",
  } as const
}
export type SessionRow = ReturnType<typeof sessionRow>

/** The fields of a row that follow from the catalog: the model and its context window. */
const modelFields = (catalog: AgentCatalog, agentId: string, override: string | null) => {
  const model = modelFor(catalog, agentId, override)
  if (model === undefined) return override === null ? {} : { model: override }
  const name = nameOf(model)
  return {
    modelProvider: name.provider,
    model: name.model,
    ...(model.contextWindow !== null && { contextTokens: model.contextWindow }),
  }
}

/** A whole row, with its time and its open runs. */
export const fullRow = (session: Session, catalog: AgentCatalog, now: number, activeRunIds: ReadonlyArray<string>) => ({
  ...sessionRow(session),
  ...modelFields(catalog, session.agentId, session.model),
  ...thinkingChoices(agentOf(catalog, session.agentId)),
  snapshotAt: now,
  activeRunIds,
})

/** The row of a session that does not exist yet. Clients open a session before its first message. */
export const missingRow = (key: string, agentId: string | undefined, catalog: AgentCatalog, now: number) => {
  const agent = agentOfSessionKey(key) ?? (agentId === undefined ? catalog.defaultId : normalizeAgentId(agentId))
  return {
    ...constantFields,
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
    ...modelFields(catalog, agent, null),
    ...thinkingChoices(agentOf(catalog, agent)),
    snapshotAt: now,
  } as const
}

/** The settings of sessions without settings of their own. */
export const sessionDefaults = (catalog: AgentCatalog, agentId: string = catalog.defaultId || MAIN_AGENT) => {
  const model = modelFor(catalog, agentId)
  const name = model && nameOf(model)
  return {
    modelProvider: name?.provider ?? null,
    model: name?.model ?? null,
    contextTokens: model?.contextWindow ?? null,
    agentRuntime: agentRuntime(""),
    ...thinkingChoices(agentOf(catalog, agentId)),
    modelSelectionTarget: "session",
  }
}

/** The entry of a session in the answers to changes. */
export const sessionEntry = (session: Session) => ({
  sessionId: sessionIdOf(session),
  createdAt: session.createdAt,
  updatedAt: session.updatedAt,
  chatType: kindOf(session.kind) === "group" ? "group" : "direct",
  ...(session.label !== null && { label: session.label }),
  ...given({ displayName: titleOf(session) }),
  ...(session.model !== null && { modelOverride: session.model }),
  ...given({ thinkingLevel: session.thinking }),
  inputTokens: session.inputTokens,
  outputTokens: session.outputTokens,
  totalTokens: tokensInUse(session),
})
