/**
 * Unsupported: the parameters of the published schema that this gateway does not support, by method. A call fails if it
 * sets one of them, unless the value changes nothing. The gateway ignores parameters that the schema does not name, unless
 * the name says that the parameter is a condition. MethodTable.ts applies the table.
 */
import type { Fault } from "../../dialect/Fault.ts"

/** The values that change nothing, or `any` if no value changes anything here. */
type Harmless = ReadonlyArray<unknown> | "any"

type Rules = { readonly [parameter: string]: Harmless }

const never: Harmless = []
const onlyFalse: Harmless = [false]
/** Replies reach clients as events. No channel delivers them elsewhere. */
const webchat: Harmless = ["webchat"]

const list: Rules = {
  requireLastInteraction: "any",
  // Both stand for the time of the last message.
  sortBy: ["updatedAt", "lastInteractionAt"],
  includeGlobal: "any",
  includeUnknown: "any",
  configuredAgentsOnly: "any",
  includeDerivedTitles: "any",
  includeLastMessage: "any",
  ownerFirst: "any",
  involvingMe: onlyFalse,
  includePeople: "any",
}

const history: Rules = {
  // A pending input is always a queued run.
  pendingBefore: "any",
  inputRunIds: "any",
  messageId: never,
}

const appearance = { emoji: never, avatar: never }

export const unsupported: { readonly [method: string]: Rules } = {
  agent: {
    provider: never,
    model: never,
    replyTo: never,
    deliver: onlyFalse,
    replyChannel: webchat,
    replyAccountId: never,
    threadId: never,
    groupId: never,
    groupChannel: never,
    groupSpace: never,
    // Only matters if a delivery fails.
    bestEffortDeliver: "any",
    lane: never,
    cwd: never,
    // No run has MCP servers of its own.
    cleanupBundleMcpOnRunEnd: "any",
    modelRun: onlyFalse,
    promptMode: ["full"],
    extraSystemPrompt: never,
    bootstrapContextMode: ["full"],
    bootstrapContextRunKind: ["default"],
    acpTurnSource: never,
    internalRuntimeHandoffId: never,
    internalExecutionIdentityRetry: onlyFalse,
    internalExecutionIdentityRecoveryAttempt: never,
    execApprovalFollowupExpectedSessionId: never,
    internalEvents: never,
    inputProvenance: never,
    suppressPromptPersistence: onlyFalse,
    sessionEffects: ["visible"],
    sourceReplyDeliveryMode: ["automatic"],
    // The gateway has no such tool.
    disableMessageTool: "any",
    swarmCollector: onlyFalse,
    swarmOutputSchema: never,
    forceRestartSafeTools: onlyFalse,
    forceCodeModeTools: onlyFalse,
    // The gateway has no routes for wake words. The message goes to the session of the request.
    voiceWakeTrigger: "any",
    label: never,
  },
  "agents.create": appearance,
  "agents.update": { ...appearance, workspace: never },
  // Agents have no files.
  "agents.delete": { deleteFiles: "any" },
  "channels.status": { probe: "any", timeoutMs: "any", channel: never },
  "chat.abort": { preserveSideRuns: "any" },
  "chat.history": history,
  "chat.startup": history,
  "chat.send": {
    intent: never,
    fastMode: onlyFalse,
    fastAutoOnSeconds: never,
    // The runs of a session run one after another.
    queueMode: ["followup"],
    deliver: onlyFalse,
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
  // The list is always empty.
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
    fastMode: onlyFalse,
    permissionMode: never,
    toolOverrides: never,
    incognito: onlyFalse,
    visibility: ["shared"],
    catalogId: never,
    // Sessions have no parents and no hooks. Pages send the session from which they create another.
    parentSessionKey: "any",
    emitCommandHooks: "any",
    succeedsParent: "any",
    spawnDepth: [0],
    fork: onlyFalse,
    forkFrom: never,
    projectId: never,
    projectGitUrl: never,
    worktree: onlyFalse,
    worktreeBaseRef: never,
    worktreeName: never,
    execNode: never,
    cwd: never,
  },
  "exec.approval.request": {
    scope: never,
    // Approvals reach every client that may decide them, and no channel.
    turnSourceChannel: "any",
    turnSourceTo: "any",
    turnSourceAccountId: "any",
    turnSourceThreadId: "any",
    approvalReviewerDeviceIds: "any",
    requireDeliveryRoute: "any",
    suppressDelivery: "any",
    // Marks parts of the text for display.
    commandSpans: "any",
    deliverToApprovalClientsOnly: "any",
  },
  "plugin.approval.request": {
    scope: never,
    mcpTool: "any",
    turnSourceChannel: "any",
    turnSourceTo: "any",
    turnSourceAccountId: "any",
    turnSourceThreadId: "any",
    approvalReviewerDeviceIds: "any",
  },
  // The gateway has no secret store, so nothing limits where a secret goes.
  "question.resolve": { secretStoreAllowedHosts: never },
  "sessions.compact": { maxLines: never },
  "sessions.delete": { deleteTranscript: [true], emitLifecycleHooks: "any", archivedOnly: onlyFalse },
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
    archived: onlyFalse,
    pinned: onlyFalse,
    unread: onlyFalse,
    contextWindow: never,
    fastMode: onlyFalse,
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
  "skills.status": { sessionKey: "any" },
  "tools.catalog": { includePlugins: "any" },
}

/** Null and empty values count as left out. */
const isLeftOut = (value: unknown): boolean => {
  if (typeof value === "string") return value.trim() === ""
  return value == null || (typeof value === "object" && Object.keys(value).length === 0)
}

/** Names of conditions, e.g. `expectedRunId`, `ifMatch`, `requireIdle`, `archivedOnly`. */
const CONDITION = /^(?:expect|expected|if|unless|only|base|require)[A-Z]|[a-z]Only$/

const noRules: Rules = {}

/** Returns the problem of a parameter that the method does not read, or `undefined` if it does no harm. */
const problemOf = (harmless: Harmless | undefined, parameter: string, value: unknown): string | undefined => {
  if (isLeftOut(value) || harmless === "any" || harmless?.includes(value)) return undefined
  if (harmless === undefined) {
    return CONDITION.test(parameter) ? "this gateway cannot check this condition" : undefined
  }
  const values = harmless.map((value) => JSON.stringify(value)).join(" or ")
  return values === "" ? "this gateway does not support it" : `this gateway supports ${values} only`
}

/** Returns the fault of a call with an unsupported parameter. `read` has the parameters that the method reads. */
export const unsupportedFault = (method: string, read: ReadonlySet<string>, params: unknown): Fault | undefined => {
  if (typeof params !== "object" || params === null) return undefined
  const rules = unsupported[method] ?? noRules
  for (const [parameter, value] of Object.entries(params)) {
    if (read.has(parameter)) continue
    const problem = problemOf(Object.hasOwn(rules, parameter) ? rules[parameter] : undefined, parameter, value)
    if (problem !== undefined) return { _tag: "InvalidParams", issue: `at /${parameter}: ${problem}` }
  }
  return undefined
}
