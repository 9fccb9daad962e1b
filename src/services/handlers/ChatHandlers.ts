/**
 * ChatHandlers: implements the methods `chat.*` and `runs.*` on the services Runs and OpenRuns.
 */
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { DEFAULT_WAIT_MS } from "../../domain/Bounds.ts"
import { ChatRpcs } from "../../domain/Chat.ts"
import { CurrentConnection } from "../../domain/Principal.ts"
import { OpenRuns } from "../runs/OpenRuns.ts"
import { Runs } from "../runs/Runs.ts"

export const ChatHandlers = ChatRpcs.toLayer(
  Effect.gen(function* () {
    const runs = yield* Runs
    const open = yield* OpenRuns
    return ChatRpcs.of({
      "chat.send": (send) => Effect.flatMap(CurrentConnection, ({ principal }) => runs.accept(send, principal)),
      "chat.stream": (send) =>
        Stream.unwrap(Effect.map(CurrentConnection, ({ principal }) => runs.stream(send, principal))),
      "chat.abort": ({ runId, sessionKey }) => Effect.map(runs.abort(sessionKey, runId), (aborted) => ({ aborted })),
      "chat.inject": ({ role = "assistant", ...message }) => runs.inject({ role, ...message }),
      "runs.list": ({ sessionKey }) => Effect.sync(() => ({ runs: open.list(sessionKey) })),
      "runs.wait": ({ runId, timeoutMs = DEFAULT_WAIT_MS }) => runs.wait(runId, timeoutMs),
    })
  }),
)
