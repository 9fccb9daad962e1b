/** The event that every server sends. It is the gateway's event of an injected message, so all send the same JSON. */
import type { Positioned } from "../../src/domain/Event.ts"

export const SESSION = "bench"

export const TEXT =
  "What an agent says in a sentence or two, long enough to be worth telling and short enough to be said."

let seq = 0

export const nextItem = (): Positioned => {
  seq++
  const at = Date.now()
  const message = { id: seq, sessionKey: SESSION, runId: null, role: "user", text: TEXT, at } as const
  return { _tag: "Event", seq, at, event: { _tag: "MessageAdded", sessionKey: SESSION, message } }
}
