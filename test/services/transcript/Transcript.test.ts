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
