/**
 * A gateway for tests that kill it while messages bring files. It sends messages to a few sessions, each with a file of its
 * own, and prints a line for each acknowledged one at once: its session, the name of its file, and the id of the content.
 * Run as `node AttachingGateway.ts <place> <state folder> <round>`.
 */
import * as Effect from "effect/Effect"
import { createHash } from "node:crypto"
import * as Fs from "node:fs"
import { Runs } from "../../src/services/runs/Runs.ts"
import { layer, principal } from "./Conversations.ts"

const SESSIONS = 6
const [, , place = "", stateDir = "", round = "0"] = process.argv

const sendFor = (sessionKey: string) =>
  Effect.gen(function* () {
    const runs = yield* Runs
    for (let n = 0; ; n++) {
      const name = `${sessionKey}-${round}-${n}.txt`
      const id = createHash("sha256").update(name).digest("hex")
      const attachments = [{ name, data: Buffer.from(name).toString("base64") }]
      yield* runs.accept({ text: "hi", sessionKey, attachments }, principal).pipe(
        // Writes to the pipe at once: the test would miss the acknowledgement of a buffered line.
        Effect.map(() => Fs.writeSync(1, `${sessionKey} ${name} ${id}\n`)),
        Effect.catchTag("SessionBusy", () => Effect.sleep("5 millis")),
      )
    }
  })

const sessions = Array.from({ length: SESSIONS }, (_, n) => `session-${n}`)

void Effect.forEach(sessions, sendFor, { concurrency: "unbounded" }).pipe(
  Effect.provide(layer({ place, stateDir, config: { runs: { waitingPerSession: 4 } } })),
  Effect.runPromise,
)
