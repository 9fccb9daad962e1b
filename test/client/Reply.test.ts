/** The pure parts of the client: pieces of a reply from whatever items tell of it, and waits between attempts. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { backoff } from "../../src/client/ClientConnection.ts"
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

/** A reply as a client may get it: cut at any places, with the whole text so far sent again at any of them. */
const told = (text: string, cuts: ReadonlyArray<boolean>): ReadonlyArray<StreamItem> => [
  ...Array.from(text).flatMap((character, i) =>
    cuts[i] === true ? [delta(character), soFar(text.slice(0, i + 1))] : [delta(character)],
  ),
  message(text),
]

describe("a reply", () => {
  for (let seed = 0; seed < 50; seed++) {
    const text = "the reply, whole".slice(0, 1 + (seed % 16))
    const cuts = Array.from(text, (_, i) => (seed * 7 + i * 13) % 5 < 2)
    it(`is told once, however often it is told again (${seed})`, () => {
      const said = told(text, cuts).reduce((sofar, item) => sofar + nextPiece(sofar, item), "")
      expect(said).toBe(text)
    })
  }

  it("that was not seen at all is in the message", () => {
    expect(nextPiece("", message("all of it"))).toBe("all of it")
  })

  it("that a restart began anew is told from its new beginning", () => {
    expect(nextPiece("the first attemp", soFar("another"))).toBe("another")
  })

  it.effect("of an aborted run ends with an error that says so", () =>
    Effect.gen(function* () {
      const items = Stream.make(delta("ha"), event(2, { _tag: "RunEnded", ...run, outcome: "aborted" }))
      const error = yield* Effect.flip(Stream.runDrain(replyPieces(items)))
      expect(error).toMatchObject({ _tag: "RunNotDone", runId: "r", outcome: "aborted" })
    }),
  )
})

describe("the wait between attempts", () => {
  it("grows with the attempts, is spread by chance, and has a bound", () => {
    for (let attempt = 0; attempt < 100; attempt++) {
      for (const random of [0, 0.25, 0.999]) {
        const wait = backoff(attempt, 30_000, random)
        expect(wait).toBeLessThanOrEqual(Math.min(30_000, 250 * 2 ** Math.min(attempt, 20)))
        expect(wait).toBeGreaterThanOrEqual(0)
      }
    }
    expect(backoff(3, 30_000, 0.5)).toBe(1_000)
    expect(backoff(1_000, 30_000, 1)).toBe(30_000)
  })
})
