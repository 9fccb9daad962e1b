/** EndlessSends: the sends of gateways that a test kills. CrashingGateway and AttachingGateway use it. */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { flushCompileCache } from "node:module"
import type { AttachmentUpload } from "../../src/domain/Attachment.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import { type ConversationOptions, layer, principal } from "./Conversations.ts"

const SESSIONS = 6

export interface EndlessSend {
  readonly text: string
  readonly attachments?: ReadonlyArray<AttachmentUpload>
  /** Returns the line about the acknowledged message. */
  readonly line: (runId: string) => string
}

/**
 * Sends to a few sessions as fast as they accept, and prints a line for each acknowledged message at once. `sendOf` makes
 * the messages of a session, numbered from 0.
 */
export const sendWithoutEnd = (
  options: Pick<ConversationOptions, "place" | "stateDir">,
  sendOf: (sessionKey: string, number: number) => EndlessSend,
): Promise<unknown> => {
  const sendFor = (sessionKey: string) =>
    Effect.gen(function* () {
      const runs = yield* Runs
      for (let n = 0; ; n++) {
        const { line, ...message } = sendOf(sessionKey, n)
        yield* runs.accept({ ...message, sessionKey }, principal).pipe(
          // Writes to the pipe at once: the test would miss the acknowledgement of a buffered line.
          Effect.map(({ runId }) => Fs.writeSync(1, `${line(runId)}\n`)),
          Effect.catchTag("SessionBusy", () => Effect.sleep("5 millis")),
        )
      }
    })
  // A killed process writes no cache at its exit.
  flushCompileCache()
  const sessions = Array.from({ length: SESSIONS }, (_, n) => `session-${n}`)
  return Effect.forEach(sessions, sendFor, { concurrency: "unbounded" }).pipe(
    Effect.provide(layer({ ...options, config: { runs: { waitingPerSession: 4 } } })),
    Effect.runPromise,
  )
}
