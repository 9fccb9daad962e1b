/**
 * Toolkit: the tools that every gateway has, each in a file of this folder. Gateway.ts uses the layer. docs/tools.md lists
 * them.
 */
import * as Layer from "effect/Layer"
import * as AskTool from "./AskTool.ts"
import * as HttpFetch from "./HttpFetch.ts"
import * as MemoryTools from "./MemoryTools.ts"
import { MessageBudget } from "./MessageBudget.ts"
import * as SendTool from "./SendTool.ts"
import * as SessionTools from "./SessionTools.ts"
import * as SpawnReports from "./SpawnReports.ts"
import * as SpawnTool from "./SpawnTool.ts"
import * as TimeTool from "./TimeTool.ts"

export const layer = Layer.mergeAll(
  SessionTools.layer,
  SendTool.layer,
  SpawnTool.layer,
  SpawnReports.layer,
  MemoryTools.layer,
  HttpFetch.layer,
  TimeTool.layer,
  AskTool.layer,
).pipe(Layer.provide(MessageBudget.layer))
