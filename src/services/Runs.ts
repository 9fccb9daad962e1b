/**
 * Runs: accepting what is sent to agents, following it, waiting for it, ending it. The turns themselves are run by
 * the session's actor (SessionActor.ts).
 */
import * as Context from "effect/Context"
import type * as Effect from "effect/Effect"
import type * as Stream from "effect/Stream"
import type { AgentNotFound } from "../domain/Agent.ts"
import type {
  Acceptance,
  IdempotencyConflict,
  RunNotFound,
  SendError,
  SendPayload,
  StreamItem,
} from "../domain/Chat.ts"
import type { Message } from "../domain/Message.ts"
import type { Principal } from "../domain/Principal.ts"
import type { Run } from "../domain/Run.ts"
import type { StorageUnavailable } from "../domain/Storage.ts"

export class Runs extends Context.Service<
  Runs,
  {
    /** When this returns, the send is on disk and will be run: see `Acceptance`. */
    accept(send: SendPayload, principal: Principal): Effect.Effect<Acceptance, SendError>
    /** `accept`, then the run's events to its end. */
    stream(send: SendPayload, principal: Principal): Stream.Stream<StreamItem, SendError>
    /** Ends one run, or all that run and wait in the session; answers which were ended. */
    abort(sessionKey: string, runId?: string): Effect.Effect<ReadonlyArray<string>, StorageUnavailable>
    get(runId: string): Effect.Effect<Run, RunNotFound>
    /** The run as it stands at its end, or when the time is up. */
    wait(runId: string, timeoutMs: number): Effect.Effect<Run, RunNotFound>
    inject(message: {
      readonly sessionKey: string
      readonly text: string
      readonly role: "assistant" | "system" | "user"
      readonly idempotencyKey?: string | undefined
    }): Effect.Effect<Message, AgentNotFound | IdempotencyConflict | StorageUnavailable>
    readonly counts: () => { readonly running: number; readonly waiting: number; readonly limit: number }
    /** Takes no new sends from now on (they fail with ShuttingDown) and waits until nothing runs. */
    readonly drain: Effect.Effect<void>
  }
>()("causeway/services/Runs") {}
