/**
 * Parameters of the published schema that this gateway has no use for, by method. A setting or a condition that would be
 * accepted and not done is refused; a value that asks for what happens anyway is not. MethodTable.ts applies the table.
 * What the schema does not name is ignored, unless its name says that it is a condition.
 */
import type { Fault } from "../../dialect/Fault.ts"

/** The values that change nothing. `any`: there is nothing here that it could change. */
type Harmless = ReadonlyArray<unknown> | "any"

type Rules = { readonly [parameter: string]: Harmless }

const never: Harmless = []
/** Our agents think as much as their models do. */
const thinking: Harmless = ["off"]
const no: Harmless = [false]
/** Replies reach clients as events; no channel delivers them elsewhere. */
const webchat: Harmless = ["webchat"]

const send: Rules = { thinking }

const list: Rules = {
  requireLastInteraction: "any",
  // Both are the time of the last message.
  sortBy: ["updatedAt", "lastInteractionAt"],
  includeGlobal: "any",
  includeUnknown: "any",
  configuredAgentsOnly: "any",
  includeDerivedTitles: "any",
  includeLastMessage: "any",
  ownerFirst: "any",
  involvingMe: no,
  includePeople: "any",
}

const history: Rules = {
  // No input waits outside of its run.
  pendingBefore: "any",
  inputRunIds: "any",
  messageId: never,
}

const look = { emoji: never, avatar: never }

export const unsupported: { readonly [method: string]: Rules } = {
  agent: {
    provider: never,
    model: never,
    replyTo: never,
    thinking,
    deliver: no,
    replyChannel: webchat,
    replyAccountId: never,
    threadId: never,
    groupId: never,
    groupChannel: never,
    groupSpace: never,
    // Only says what happens where a delivery fails.
    bestEffortDeliver: "any",
    lane: never,
    cwd: never,
    // No run has MCP servers of its own.
    cleanupBundleMcpOnRunEnd: "any",
    modelRun: no,
    promptMode: ["full"],
    extraSystemPrompt: never,
    bootstrapContextMode: ["full"],
    bootstrapContextRunKind: ["default"],
    acpTurnSource: never,
    internalRuntimeHandoffId: never,
    internalExecutionIdentityRetry: no,
    internalExecutionIdentityRecoveryAttempt: never,
    execApprovalFollowupExpectedSessionId: never,
    internalEvents: never,
    inputProvenance: never,
    suppressPromptPersistence: no,
    sessionEffects: ["visible"],
    sourceReplyDeliveryMode: ["automatic"],
    // There is no such tool.
    disableMessageTool: "any",
    swarmCollector: no,
    swarmOutputSchema: never,
    forceRestartSafeTools: no,
    forceCodeModeTools: no,
    // Without routes of wake words, each goes to the session that the request names.
    voiceWakeTrigger: "any",
    label: never,
  },
  "agents.create": look,
  "agents.update": { ...look, workspace: never },
  // An agent has no files.
  "agents.delete": { deleteFiles: "any" },
  "channels.status": { probe: "any", timeoutMs: "any", channel: never },
  "chat.abort": { preserveSideRuns: "any" },
  "chat.history": history,
  "chat.startup": history,
  "chat.send": {
    ...send,
    intent: never,
    fastMode: no,
    fastAutoOnSeconds: never,
    // Messages of a session are answered one after another.
    queueMode: ["followup"],
    deliver: no,
    originatingChannel: webchat,
    originatingTo: never,
    originatingAccountId: never,
    originatingThreadId: never,
    replyToId: never,
    toolBindings: never,
    systemInputProvenance: never,
    systemProvenanceReceipt: never,
    expectedSessionRoutingContract: never,
    expectedPermissionMode: never,
    expectedToolOverrides: never,
  },
  "commands.list": { sessionKey: "any", agentId: "any", provider: "any", scope: "any", includeArgs: "any" },
  // Of an empty list.
  "cron.list": {
    includeDisabled: "any",
    limit: "any",
    offset: "any",
    query: "any",
    enabled: "any",
    scheduleKind: "any",
    lastRunStatus: "any",
    trigger: "any",
    sortBy: "any",
    sortDir: "any",
    agentId: "any",
    compact: "any",
    includeDeliveryPreviews: "any",
  },
  "models.list": { includeProviderCapabilities: "any", preparedOnly: "any", refresh: "any", view: "any" },
  "sessions.create": {
    category: never,
    contextWindow: never,
    thinkingLevel: thinking,
    fastMode: no,
    permissionMode: never,
    toolOverrides: never,
    incognito: no,
    visibility: ["shared"],
    catalogId: never,
    // Sessions stand by themselves, and no hook hears of them; pages name the session from which they open another.
    parentSessionKey: "any",
    emitCommandHooks: "any",
    succeedsParent: "any",
    spawnDepth: [0],
    fork: no,
    forkFrom: never,
    attachments: never,
    projectId: never,
    projectGitUrl: never,
    worktree: no,
    worktreeBaseRef: never,
    worktreeName: never,
    execNode: never,
    cwd: never,
  },
  "sessions.delete": { deleteTranscript: [true], emitLifecycleHooks: "any", archivedOnly: no },
  "sessions.describe": { includeDerivedTitles: "any", includeLastMessage: "any" },
  "sessions.list": list,
  "sessions.subscribe": list,
  "sessions.patch": {
    expectedPermissionMode: never,
    expectedToolOverrides: never,
    expectedMarkedUnreadAt: never,
    icon: never,
    color: never,
    category: never,
    boardFace: ["chat"],
    statusNote: never,
    attention: never,
    ttlMinutes: never,
    archived: no,
    pinned: no,
    unread: no,
    contextWindow: never,
    thinkingLevel: thinking,
    fastMode: no,
    toolOverrides: never,
    verboseLevel: ["off"],
    traceLevel: ["off"],
    reasoningLevel: ["off"],
    responseUsage: ["off"],
    elevatedLevel: ["off"],
    execHost: never,
    execSecurity: never,
    execAsk: never,
    execNode: never,
    permissionMode: never,
    completionOwnerSessionKey: never,
    inheritedToolPolicyVersion: never,
    inheritedToolAllow: never,
    inheritedToolDeny: never,
    sendPolicy: ["allow"],
    groupActivation: never,
  },
  "sessions.reset": { reason: "any" },
  "sessions.resolve": {
    shortId: never,
    slugHint: "any",
    spawnedBy: never,
    includeGlobal: "any",
    includeUnknown: "any",
  },
  "sessions.send": send,
  "skills.status": { sessionKey: "any" },
  "tools.catalog": { includePlugins: "any" },
}

/** Null, and what is empty, stands for left out. */
const isLeftOut = (value: unknown): boolean => {
  if (typeof value === "string") return value.trim() === ""
  return value == null || (typeof value === "object" && Object.keys(value).length === 0)
}

/** Names of conditions, e.g. `expectedRunId`, `ifMatch`, `requireIdle`, `archivedOnly`. */
const CONDITION = /^(?:expect|expected|if|unless|only|base|require)[A-Z]|[a-z]Only$/

const noRules: Rules = {}

/** What is wrong with a parameter that the method does not read; `undefined`: nothing. */
const problemOf = (harmless: Harmless | undefined, parameter: string, value: unknown): string | undefined => {
  if (isLeftOut(value) || harmless === "any" || harmless?.includes(value)) return undefined
  if (harmless === undefined) {
    return CONDITION.test(parameter) ? "this gateway cannot check this condition" : undefined
  }
  const values = harmless.map((value) => JSON.stringify(value)).join(" or ")
  return values === "" ? "this gateway does not support it" : `this gateway supports ${values} only`
}

/** Why a call cannot be done as it is asked for; `undefined`: it can. `read`: the parameters that the method reads. */
export const refusalOf = (method: string, read: ReadonlySet<string>, params: unknown): Fault | undefined => {
  if (typeof params !== "object" || params === null) return undefined
  const rules = unsupported[method] ?? noRules
  for (const [parameter, value] of Object.entries(params)) {
    if (read.has(parameter)) continue
    const problem = problemOf(Object.hasOwn(rules, parameter) ? rules[parameter] : undefined, parameter, value)
    if (problem !== undefined) return { _tag: "InvalidParams", issue: `at /${parameter}: ${problem}` }
  }
  return undefined
}
