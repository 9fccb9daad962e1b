/** Calls of tools in tests: as a run would make them, with the text of the result. */
import * as Effect from "effect/Effect"
import type { Principal, Scope } from "../../src/domain/Principal.ts"
import type { ToolRun } from "../../src/services/tools/AgentTool.ts"
import { Tools } from "../../src/services/tools/Tools.ts"
import { toolRun } from "./ToolRuns.ts"

/** A sender with these scopes. */
export const sender = (...scopes: ReadonlyArray<Scope>): Principal => ({
  id: "sender",
  kind: "token",
  role: "operator",
  scopes,
})

/** Calls a tool and returns its result. */
export const callTool = (
  name: string,
  input: unknown,
  run: Partial<Omit<ToolRun, "agent">> & { readonly agent?: Partial<ToolRun["agent"]> } = {},
) => Effect.flatMap(Tools, (tools) => tools.call(toolRun(run), name, input, "call-1"))

/** Calls a tool that succeeds, and returns its result as a value. */
export const useTool = (...args: Parameters<typeof callTool>) =>
  Effect.map(callTool(...args), ({ isError, text }) => {
    if (isError) throw new Error(text)
    return JSON.parse(text)
  })
