import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { nextPiece, replyPieces } from "../../src/client/Reply.ts"
import type { StreamItem } from "../../src/domain/Chat.ts"

const run = { sessionKey: "s", runId: "r", agentId: "main" }
const event = (seq: number, event: Extract<StreamItem, { _tag: "Event" }>["event"]): StreamItem => ({
  _tag: "Event",
  seq,
  at: 0,
  event,
})
const delta = (text: string) => event(1, { _tag: "TextDelta", ...run, text })
const soFar = (text: string): StreamItem => ({ _tag: "RunText", seq: 1, ...run, text, thinking: "" })
const message = (text: string) =>
  event(1, {
    _tag: "MessageAdded",
    sessionKey: "s",
    message: { id: 1, sessionKey: "s", runId: "r", role: "assistant", text, at: 0 },
  })

/** The items of a reply: one delta for each character, and the text so far again at the cuts. */
const itemsOf = (text: string, cuts: ReadonlyArray<boolean>): ReadonlyArray<StreamItem> => [
  ...Array.from(text).flatMap((character, i) =>
    cuts[i] === true ? [delta(character), soFar(text.slice(0, i + 1))] : [delta(character)],
  ),
  message(text),
]

describe("Reply", () => {
  for (let seed = 0; seed < 50; seed++) {
    const text = "the reply, whole".slice(0, 1 + (seed % 16))
    const cuts = Array.from(text, (_, i) => (seed * 7 + i * 13) % 5 < 2)
    it(`The pieces form the text once, however often items repeat it (${seed}).`, () => {
      const joined = itemsOf(text, cuts).reduce((textSoFar, item) => textSoFar + nextPiece(textSoFar, item), "")
      expect(joined).toBe(text)
    })
  }

  it("The message adds the whole text if the client saw no delta.", () => {
    expect(nextPiece("", message("all of it"))).toBe("all of it")
  })

  it("The text of a restarted run is added from its beginning.", () => {
    expect(nextPiece("the first attemp", soFar("another"))).toBe("another")
  })

  it.effect("The pieces of an aborted run fail with `RunNotDone`.", () =>
    Effect.gen(function* () {
      const items = Stream.make(delta("ha"), event(2, { _tag: "RunEnded", ...run, outcome: "aborted" }))
      const error = yield* Effect.flip(Stream.runDrain(replyPieces(items)))
      expect(error).toMatchObject({ _tag: "RunNotDone", runId: "r", outcome: "aborted" })
    }),
  )
})
