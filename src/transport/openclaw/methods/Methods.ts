/**
 * Methods: all methods of this dialect with their scopes, and the lists of methods and capabilities in hello-ok. Every
 * other method fails with `unknown method`. OpenClaw.ts and Hello.ts use it.
 */
import type { Method } from "../../dialect/DialectMethod.ts"
import { agentRunMethods } from "./AgentRuns.ts"
import { agentMethods } from "./Agents.ts"
import { approvalMethods } from "./Approvals.ts"
import { artifactMethods } from "./Artifacts.ts"
import { catalogMethods, unadvertisedMethods } from "./Catalogs.ts"
import { chatHistoryMethods } from "./ChatHistory.ts"
import { chatMethods } from "./ChatMethods.ts"
import { configMethods } from "./Config.ts"
import { deviceMethods } from "./Devices.ts"
import { execApprovalMethods } from "./ExecApprovals.ts"
import { healthMethods } from "./Health.ts"
import { logMethods } from "./Logs.ts"
import { type Row, tableOf } from "./MethodTable.ts"
import { modelMethods } from "./Models.ts"
import { nodeMethods, nodePolicyMethods } from "./Nodes.ts"
import { pluginApprovalMethods } from "./PluginApprovals.ts"
import { policyMethods } from "./PolicyMethods.ts"
import { presenceMethods } from "./Presence.ts"
import { questionMethods } from "./Questions.ts"
import { sessionChangeMethods } from "./SessionChanges.ts"
import { sessionListMethods } from "./SessionLists.ts"
import { subscriptionMethods } from "./SubscriptionMethods.ts"
import { toolMethods } from "./Tools.ts"
import { usageMethods } from "./Usage.ts"

const rows: ReadonlyArray<Row> = [
  ...healthMethods,
  ...presenceMethods,
  ...agentMethods,
  ...agentRunMethods,
  ...chatHistoryMethods,
  ...chatMethods,
  ...artifactMethods,
  ...sessionListMethods,
  ...sessionChangeMethods,
  ...subscriptionMethods,
  ...modelMethods,
  ...configMethods,
  ...logMethods,
  ...execApprovalMethods,
  ...pluginApprovalMethods,
  ...approvalMethods,
  ...policyMethods,
  ...questionMethods,
  ...catalogMethods,
  ...toolMethods,
  ...deviceMethods,
  ...nodeMethods,
  ...usageMethods,
]

export const methods: ReadonlyMap<string, Method> = tableOf([...rows, ...unadvertisedMethods, ...nodePolicyMethods])

/** `features.methods` of hello-ok. */
export const methodNames: ReadonlyArray<string> = rows.map(([name]) => name)

/** `features.capabilities`: clients may request models and metadata of one session. */
export const capabilities: ReadonlyArray<string> = [
  "published-model-catalog",
  "session-scoped-model-catalog",
  "session-scoped-chat-metadata",
]
