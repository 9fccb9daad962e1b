/**
 * `causeway tools`: lists the tools that agents can call, and the sources that add them.
 */
import * as Command from "effect/cli/Command"
import * as Effect from "effect/Effect"
import { GatewayClient } from "../../client/GatewayClient.ts"
import { line } from "../../domain/Printable.ts"
import type { ToolInfo, ToolSource } from "../../domain/Tool.ts"
import * as Flags from "../client/Flags.ts"
import { faint, joined, oneLine, type Page, show, table } from "../terminal/Output.ts"
import * as Target from "../client/Target.ts"

export const tools = Command.make(
  "tools",
  {
    agent: Flags.text("agent", "Show the permissions of this agent. Default: main."),
    json: Flags.json,
    ...Target.flags,
  },
  Effect.fnUntraced(function* ({ agent, json }) {
    const { calls } = yield* GatewayClient
    const answer = yield* calls["tools.list"](Flags.given({ agentId: agent }))
    yield* show(json, answer, () => page(answer))
  }),
).pipe(
  Command.withDescription("List the tools that agents can call, with the permissions of an agent."),
  Command.withExamples([
    { command: "causeway tools --agent luna", description: "Show the tools and permissions of one agent" },
  ]),
  Target.connected,
)

interface Answer {
  readonly agentId: string
  readonly tools: ReadonlyArray<ToolInfo>
  readonly sources: ReadonlyArray<ToolSource>
}

const page = ({ agentId, sources, tools }: Answer): Page => {
  const rows = tools.map(({ description, name, permission, source }) => [
    name,
    permission,
    source,
    oneLine(description, 80),
  ])
  const list = tools.length === 0 ? "No tools." : table(["TOOL", "PERMISSION", "SOURCE", "DESCRIPTION"], rows)
  const notes = sources.flatMap(({ name, problem, state }) =>
    state === "ready" ? [] : [`${name} is ${state === "failed" ? `not there: ${line(problem ?? "")}` : "starting"}`],
  )
  return joined([list, faint(`The permissions are those of the agent ${agentId}.`), ...notes], "\n")
}
