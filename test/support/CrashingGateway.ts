/**
 * A gateway for tests that kill it. It sends to a few sessions as fast as they accept, and prints a line for each
 * acknowledged message at once. Run as `node CrashingGateway.ts <place>`.
 */
import * as Effect from "effect/Effect"
import * as Fs from "node:fs"
import { Runs } from "../../src/services/runs/Runs.ts"
import { layer, principal } from "./Conversations.ts"

const SESSIONS = 6
const [, , place = "", round = "0"] = process.argv

const sendFor = (sessionKey: string) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    for (let n = 0; ; n++) {
      const send = { text: `/slow 15 /tool ${sessionKey} ${round}.${n}`, sessionKey }
      yield* runs.accept(send, principal).pipe(
        // Writes to the pipe at once: the test would miss the acknowledgement of a buffered line.
        Effect.map(({ runId }) => Fs.writeSync(1, `${sessionKey} ${runId}\n`)),
        Effect.catchTag("SessionBusy", () => Effect.sleep("5 millis")),
      )
    }
  })

const sessions = Array.from({ length: SESSIONS }, (_, n) => `session-${n}`)

void Effect.forEach(sessions, sendFor, { concurrency: "unbounded" }).pipe(
  Effect.provide(layer({ place, config: { runs: { waitingPerSession: 4 } } })),
  Effect.runPromise,
)
