/**
 * A runtime whose runs ask for an approval: `/call INPUT` calls the tool `act` with the input, and several lines are calls
 * at the same time. The reply has the result of each call. `onRun` acts on the world.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { ToolApproval } from "../../src/services/tools/ToolApproval.ts"

export const guarded = (onRun: (input: string) => Effect.Effect<void>): AgentRuntime => ({
  name: "guarded",
  models: [],
  run: ({ agent, attempt, principal, runId, sessionKey, text }) =>
    Stream.fromEffect(
      Effect.gen(function* () {
        const { approve } = yield* ToolApproval
        const call = (line: string, index: number) => {
          const input = line.replace("/call ", "")
          const run = { agent, attempt, principal, runId, sessionKey }
          return approve({ ...run, callId: `${attempt}.${index}`, tool: "act", input }).pipe(
            Effect.andThen(onRun(input)),
            Effect.match({ onFailure: ({ message }) => message, onSuccess: () => `ran ${input}` }),
            Effect.scoped,
          )
        }
        const results = yield* Effect.forEach(text.split("\n"), call, { concurrency: "unbounded" })
        return { _tag: "Text", text: results.join("\n") } as const
      }),
    ),
})
