import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { newSession } from "../../../src/services/sessions/NewSession.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Transcript } from "../../../src/services/transcript/Transcript.ts"
import { noOutput } from "../../../src/services/transcript/TranscriptWriter.ts"
import type { NewTurn } from "../../../src/services/transcript/TurnStore.ts"
import { principal } from "../../support/Conversations.ts"

const layer = Layer.provide(Transcript.layer, Database.layerMemory)

const session = newSession({ key: "s", agentId: "main", createdAt: 0 })

const turn = (runId: string): NewTurn => ({
  runId,
  sessionKey: "s",
  agentId: "main",
  principal,
  text: `text of ${runId}`,
  acceptedAt: 1,
  acceptedAfter: 0,
})

const tool = { callId: "1", name: "t", input: "", output: "o", isError: false }

const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)

describe("Transcript", () => {
  it.effect("A second end of a turn changes nothing.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      transcript.accept(session, turn("r"))
      transcript.start("r", 10, 2)
      const output = { text: "reply", thinking: "", step: 1 }
      const [ended, events] = transcript.end("r", { outcome: "done" }, output, 3)
      expect([ended, tags(events)]).toEqual([true, ["MessageAdded", "RunEnded", "SessionChanged"]])
      expect(transcript.end("r", { outcome: "failed" }, noOutput, 4)).toEqual([false, []])
      expect(transcript.abort("s", "r", () => output, 5)).toEqual([[], []])
      expect(transcript.start("r", 10, 6)).toEqual([undefined, []])
      expect(transcript.sessions.get("s")).toMatchObject({ messageCount: 2, lastMessage: "reply", activity: "idle" })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A second attempt removes the tool messages of the first and keeps the user's message.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      transcript.accept(session, turn("r"))
      transcript.start("r", 10, 2)
      transcript.toolEnded("r", 1, tool, 3)
      expect(transcript.sessions.get("s")?.messageCount).toBe(2)
      transcript.turns.requeue()
      const [started, events] = transcript.start("r", 10, 4)
      expect(started).toMatchObject({ text: "text of r", history: [], turn: { attempt: 2, crashes: 1 } })
      expect(tags(events)).toEqual(["MessagesRemoved", "RunStarted", "SessionChanged"])
      expect(transcript.messages.ofRun("s", "r").map(({ role }) => role)).toEqual(["user"])
      expect(transcript.sessions.get("s")).toMatchObject({ messageCount: 1, historyCount: 1 })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A turn that crashed too often fails at its next start.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      transcript.accept(session, turn("r"))
      transcript.start("r", 1, 2)
      transcript.turns.requeue()
      const [started, events] = transcript.start("r", 1, 3)
      expect(started).toBeUndefined()
      expect(events).toContainEqual(expect.objectContaining({ _tag: "RunEnded", outcome: "failed" }))
      expect(transcript.messages.ofRun("s", "r")).toMatchObject([{ failed: { reason: "interrupted" } }])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A tool call of an ended turn writes nothing.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      transcript.accept(session, turn("r"))
      transcript.start("r", 10, 2)
      transcript.abort("s", undefined, () => undefined, 3)
      expect(transcript.toolStarted("r", tool)).toEqual([false, []])
      expect(transcript.toolEnded("r", 1, tool, 4)).toEqual([false, []])
      expect(transcript.messages.ofRun("s", "r").map(({ role }) => role)).toEqual(["user"])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("The output of a turn is dropped if its session was removed.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      transcript.accept(session, turn("r"))
      transcript.start("r", 10, 2)
      expect(tags(transcript.remove("s", 3))).toEqual(["RunEnded", "SessionClosed"])
      expect(transcript.end("r", { outcome: "done" }, { text: "late", thinking: "", step: 1 }, 4)).toEqual([false, []])
      expect(transcript.sessions.get("s")).toBeUndefined()
    }).pipe(Effect.provide(layer)),
  )

  it.effect("An answer of the gateway needs no session and creates none.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      const events = transcript.answer(turn("r"), "answer", 2)
      expect(tags(events)).toEqual(["RunAccepted", "RunStarted", "RunEnded"])
      expect(transcript.sessions.get("s")).toBeUndefined()
      expect(transcript.turns.get("r")).toMatchObject({ state: "done", reply: "answer" })
    }).pipe(Effect.provide(layer)),
  )
})

describe("A summary", () => {
  /** Runs a turn that ends with a reply, and returns the history that it started with. */
  const converse = (transcript: Transcript["Service"], runId: string) => {
    transcript.accept(session, turn(runId))
    const [started] = transcript.start(runId, 10, 2)
    transcript.end(runId, { outcome: "done" }, { text: `reply to ${runId}`, thinking: "", step: 1 }, 3)
    return started!.history.map(({ text }) => text)
  }

  it.effect("It comes first in the history, without the messages that it replaces.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      converse(transcript, "a")
      converse(transcript, "b")
      const upTo = transcript.messages.ofRun("s", "a")[1]!.id
      const [summary, events] = transcript.summarize("s", { text: "a happened", upTo }, 4)
      expect(summary).toMatchObject({ role: "system", text: "a happened", summaryUpTo: upTo, runId: null })
      expect(tags(events)).toEqual(["MessageAdded", "SessionChanged"])
      expect(converse(transcript, "c")).toEqual(["a happened", "text of b", "reply to b"])
      expect(transcript.sessions.get("s")).toMatchObject({ messageCount: 7, lastMessage: "reply to c" })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A run that makes it starts its next attempt with it.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      converse(transcript, "a")
      transcript.accept(session, turn("b"))
      transcript.start("b", 10, 2)
      const upTo = transcript.messages.ofRun("s", "a")[1]!.id
      transcript.summarize("s", { text: "a happened", upTo }, 4)
      transcript.turns.requeue()
      const [again] = transcript.start("b", 10, 5)
      expect(again!.history.map(({ text }) => text)).toEqual(["a happened"])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A newer summary replaces it, and an older one is not stored.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      converse(transcript, "a")
      converse(transcript, "b")
      const [first, , third] = [...transcript.messages.ofRun("s", "a"), ...transcript.messages.ofRun("s", "b")]
      transcript.summarize("s", { text: "first", upTo: first!.id }, 4)
      transcript.summarize("s", { text: "third", upTo: third!.id, usage: { inputTokens: 5, outputTokens: 1 } }, 5)
      expect(transcript.summarize("s", { text: "late", upTo: first!.id }, 6)).toEqual([undefined, []])
      expect(transcript.history("s").map(({ text }) => text)).toEqual(["third", "reply to b"])
      expect(transcript.sessions.get("s")).toMatchObject({ inputTokens: 5, outputTokens: 1 })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("It is not stored if the messages are gone.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      converse(transcript, "a")
      const upTo = transcript.messages.ofRun("s", "a")[1]!.id
      transcript.messages.removeOldest("s", 10)
      expect(transcript.summarize("s", { text: "a happened", upTo }, 4)).toEqual([undefined, []])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("The history of a summary by hand leaves out the messages of the open run.", () =>
    Effect.gen(function* () {
      const transcript = yield* Transcript
      converse(transcript, "a")
      transcript.accept(session, turn("b"))
      transcript.start("b", 10, 2)
      transcript.toolEnded("b", 1, tool, 3)
      expect(transcript.history("s").map(({ text }) => text)).toEqual(["text of a", "reply to a"])
    }).pipe(Effect.provide(layer)),
  )
})
