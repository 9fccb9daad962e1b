/**
 * The services of conversations with a runtime that asks operators and one that the test controls, until they are stopped
 * like a process. The tests of approvals and questions use them.
 */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"
import { RunAdmission } from "../../src/services/admission/RunAdmission.ts"
import type { AgentRuntime } from "../../src/services/agents/AgentRuntime.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { type ConversationOptions, layer, principal } from "./Conversations.ts"
import { recordEvents, untilEvent } from "./Published.ts"
import { staged } from "./StagedRuntime.ts"

/** Starts the services, which `stop` or the scope ends. `runtime`: the runtime of the agents. */
export const open = Effect.fnUntraced(function* (
  runtime: AgentRuntime,
  { config, ...options }: Omit<ConversationOptions, "runtimes">,
) {
  const stage = staged()
  const scope = yield* Scope.make()
  yield* Effect.addFinalizer(() => Scope.close(scope, Exit.void))
  const services = yield* Layer.buildWithScope(
    layer({ ...options, config: { runtime: runtime.name, ...config }, runtimes: [runtime, stage.runtime] }),
    scope,
  )
  const use = <A, E, R>(effect: Effect.Effect<A, E, R | Layer.Success<ReturnType<typeof layer>>>) =>
    Effect.provideContext(effect, services)
  const runs = yield* use(Runs)
  const admission = yield* use(RunAdmission)
  const published = yield* use(recordEvents)
  const until = (condition: () => boolean) => use(untilEvent(condition))
  const send = (text: string, runId: string, more: { readonly sessionKey?: string; readonly agentId?: string } = {}) =>
    runs.accept({ text, sessionKey: "s", idempotencyKey: runId, ...more }, principal)
  const reply = (runId: string) => Effect.map(runs.wait(runId, 10_000), ({ reply }) => reply)
  /** Waits until so many requests wait, and returns them. */
  const waitingIn =
    <A>(waiting: () => ReadonlyArray<A>) =>
    (count: number) =>
      Effect.map(
        until(() => waiting().length === count),
        waiting,
      )
  return { admission, published, reply, runs, send, stage, stop: Scope.close(scope, Exit.void), until, use, waitingIn }
})
