import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { newSession } from "../../../src/services/sessions/NewSession.ts"
import { GatewayConfig } from "../../../src/domain/GatewayConfig.ts"
import * as Database from "../../../src/services/storage/Database.ts"
import { Sqlite } from "../../../src/services/storage/sqlite/Sqlite.ts"
import { sqliteStores } from "../../../src/services/storage/sqlite/SqliteStores.ts"
import type { NewTurn } from "../../../src/services/storage/TurnRow.ts"
import { Tx } from "../../../src/services/storage/Tx.ts"
import * as Transcript from "../../../src/services/transcript/Transcript.ts"
import { principal } from "../../support/Conversations.ts"

const layer = Layer.effect(
  Tx,
  Effect.map(Sqlite, ({ db }) => sqliteStores(db)),
).pipe(Layer.provide(Database.layerMemory), Layer.provide(GatewayConfig.layer({})))

const session = newSession({ key: "s", agentId: "main", createdAt: 0 })

const turn = (runId: string): NewTurn => ({
  runId,
  sessionKey: "s",
  agentId: "main",
  principal,
  text: `text of ${runId}`,
  acceptedAt: 1,
  queue: "followup",
  acceptedAfter: 0,
  deadlineAt: undefined,
  attachments: [],
  digest: "",
})

/** The first attempt of the run `r`. */
const first = { runId: "r", attempt: 1 }

const tool = { callId: "1", name: "t", input: "", output: "o", isError: false }

/** Returns the texts of the history that the run receives. */
const historyOf = (started: Transcript.StartedTurn | undefined) =>
  Effect.map(Transcript.historyBefore("s", started!.before), (messages) => messages.map(({ text }) => text))

/** The output of a run that replies with the text. */
const saying = (text: string) => ({ ...Transcript.noOutput, text, step: 1 })

const tags = (events: ReadonlyArray<{ readonly _tag: string }>) => events.map(({ _tag }) => _tag)

describe("Transcript", () => {
  it.effect("A second end of a turn changes nothing.", () =>
    Effect.gen(function* () {
      const { sessions } = yield* Tx
      yield* Transcript.accept(session, turn("r"))
      yield* Transcript.start("r", 10, 2)
      const output = saying("reply")
      const [ended, events] = yield* Transcript.end(first, { outcome: "done" }, output, 3)
      expect([ended, tags(events)]).toEqual([true, ["MessageAdded", "RunEnded", "SessionChanged"]])
      expect(yield* Transcript.end(first, { outcome: "failed" }, Transcript.noOutput, 4)).toEqual([false, []])
      expect(yield* Transcript.abort("s", { runId: "r" }, () => output, 5)).toEqual([[], []])
      expect(yield* Transcript.start("r", 10, 6)).toEqual([undefined, []])
      expect(yield* sessions.get("s")).toMatchObject({ messageCount: 2, lastMessage: "reply", activity: "idle" })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A second attempt removes the tool messages of the first and keeps the user's message.", () =>
    Effect.gen(function* () {
      const { messages, sessions } = yield* Tx
      yield* Transcript.accept(session, turn("r"))
      yield* Transcript.start("r", 10, 2)
      yield* Transcript.toolEnded({ runId: "r", attempt: 1 }, 1, tool, 3)
      expect((yield* sessions.get("s"))?.messageCount).toBe(2)
      const [started, events] = yield* Transcript.start("r", 10, 4)
      expect(started).toMatchObject({ input: { text: "text of r" }, turn: { attempt: 2, crashes: 1 } })
      expect(tags(events)).toEqual(["MessagesRemoved", "RunStarted", "SessionChanged"])
      expect((yield* messages.ofRun("s", "r")).map(({ role }) => role)).toEqual(["user"])
      expect(yield* sessions.get("s")).toMatchObject({ messageCount: 1, historyCount: 1 })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("An attempt that another one has replaced writes nothing.", () =>
    Effect.gen(function* () {
      const { sessions } = yield* Tx
      yield* Transcript.accept(session, turn("r"))
      yield* Transcript.start("r", 10, 2)
      yield* Transcript.start("r", 10, 3)
      const before = yield* sessions.get("s")
      const output = saying("late")
      expect(yield* Transcript.toolStarted(first, tool)).toEqual([false, []])
      expect(yield* Transcript.toolEnded(first, 1, tool, 4)).toEqual([false, []])
      expect(yield* Transcript.end(first, { outcome: "done" }, output, 5)).toEqual([false, []])
      expect(yield* sessions.get("s")).toEqual(before)
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A planned stop counts no crash.", () =>
    Effect.gen(function* () {
      const { turns } = yield* Tx
      yield* Transcript.accept(session, turn("r"))
      yield* Transcript.start("r", 1, 2)
      yield* turns.handOver
      const [started] = yield* Transcript.start("r", 1, 3)
      expect(started?.turn).toMatchObject({ attempt: 2, crashes: 0, handedOver: false })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A turn that crashed too often fails at its next start.", () =>
    Effect.gen(function* () {
      const { messages } = yield* Tx
      yield* Transcript.accept(session, turn("r"))
      yield* Transcript.start("r", 1, 2)
      const [started, events] = yield* Transcript.start("r", 1, 3)
      expect(started).toBeUndefined()
      expect(events).toContainEqual(expect.objectContaining({ _tag: "RunEnded", outcome: "failed" }))
      expect(yield* messages.ofRun("s", "r")).toMatchObject([{ failed: { reason: "interrupted" } }])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A tool call of an ended turn writes nothing.", () =>
    Effect.gen(function* () {
      const { messages } = yield* Tx
      yield* Transcript.accept(session, turn("r"))
      yield* Transcript.start("r", 10, 2)
      yield* Transcript.abort("s", {}, () => undefined, 3)
      expect(yield* Transcript.toolStarted({ runId: "r", attempt: 1 }, tool)).toEqual([false, []])
      expect(yield* Transcript.toolEnded({ runId: "r", attempt: 1 }, 1, tool, 4)).toEqual([false, []])
      expect((yield* messages.ofRun("s", "r")).map(({ role }) => role)).toEqual(["user"])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("The output of a turn is dropped if its session was removed.", () =>
    Effect.gen(function* () {
      const { sessions } = yield* Tx
      yield* Transcript.accept(session, turn("r"))
      yield* Transcript.start("r", 10, 2)
      expect(tags((yield* Transcript.remove("s", 3))[1])).toEqual(["RunEnded", "SessionClosed"])
      expect(yield* Transcript.end(first, { outcome: "done" }, saying("late"), 4)).toEqual([false, []])
      expect(yield* sessions.get("s")).toBeUndefined()
    }).pipe(Effect.provide(layer)),
  )

  it.effect("An answer of the gateway needs no session and creates none.", () =>
    Effect.gen(function* () {
      const { sessions, turns } = yield* Tx
      const events = yield* Transcript.answer(turn("r"), "answer")
      expect(tags(events)).toEqual(["RunAccepted", "RunStarted", "RunEnded"])
      expect(yield* sessions.get("s")).toBeUndefined()
      expect(yield* turns.get("r")).toMatchObject({ state: "done", reply: "answer" })
    }).pipe(Effect.provide(layer)),
  )
})

describe("A reset", () => {
  it.effect("It gives the session an empty transcript at once, and the old messages go in steps.", () =>
    Effect.gen(function* () {
      const { messages, sessions } = yield* Tx
      yield* Transcript.accept(session, turn("r"))
      yield* Transcript.start("r", 10, 2)
      yield* Transcript.toolEnded(first, 1, tool, 3)
      const [removed, events] = yield* Transcript.reset("s", 4)
      expect([removed, tags(events)]).toEqual([2, ["RunEnded", "MessagesRemoved", "SessionChanged"]])
      expect(yield* sessions.get("s")).toMatchObject({
        messageCount: 0,
        historyCount: 0,
        activity: "idle",
        emptiedAt: 4,
      })
      expect(yield* messages.page("s", 100, 10, 1_000)).toEqual({ messages: [], more: false })
      expect([yield* messages.removeSome(1), yield* messages.removeSome(5), yield* messages.removeSome(5)]).toEqual([
        1, 1, 0,
      ])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A session with the key of a removed one does not see its messages, and may use its injection keys.", () =>
    Effect.gen(function* () {
      const { messages } = yield* Tx
      const note = { sessionKey: "s", role: "system", text: "note", injectionKey: "k", at: 1 } as const
      yield* Transcript.inject(session, note)
      yield* Transcript.remove("s", 2)
      expect(yield* messages.injected("k")).toBeUndefined()
      const [again] = yield* Transcript.inject(session, note)
      expect(yield* messages.injected("k")).toEqual(again)
      expect((yield* messages.page("s", 100, 10, 1_000)).messages).toEqual([again])
      yield* messages.removeSome(10)
      expect((yield* messages.page("s", 100, 10, 1_000)).messages).toEqual([again])
    }).pipe(Effect.provide(layer)),
  )
})

describe("A summary", () => {
  /** Runs a turn that ends with a reply, and returns the history that it started with. */
  const converse = Effect.fnUntraced(function* (runId: string) {
    yield* Transcript.accept(session, turn(runId))
    const [started] = yield* Transcript.start(runId, 10, 2)
    yield* Transcript.end(started!.turn, { outcome: "done" }, saying(`reply to ${runId}`), 3)
    return yield* historyOf(started)
  })

  it.effect("It comes first in the history, without the messages that it replaces.", () =>
    Effect.gen(function* () {
      const { messages, sessions } = yield* Tx
      yield* converse("a")
      yield* converse("b")
      const upTo = (yield* messages.ofRun("s", "a"))[1]!.id
      const [summary, events] = yield* Transcript.summarize("s", { text: "a happened", upTo }, 4)
      expect(summary).toMatchObject({ role: "system", text: "a happened", summaryUpTo: upTo, runId: null })
      expect(tags(events)).toEqual(["MessageAdded", "SessionChanged"])
      expect(yield* converse("c")).toEqual(["a happened", "text of b", "reply to b"])
      expect(yield* sessions.get("s")).toMatchObject({ messageCount: 7, lastMessage: "reply to c" })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A run that makes it starts its next attempt with it.", () =>
    Effect.gen(function* () {
      const { messages } = yield* Tx
      yield* converse("a")
      yield* Transcript.accept(session, turn("b"))
      yield* Transcript.start("b", 10, 2)
      const upTo = (yield* messages.ofRun("s", "a"))[1]!.id
      yield* Transcript.summarize("s", { text: "a happened", upTo }, 4)
      const [again] = yield* Transcript.start("b", 10, 5)
      expect(yield* historyOf(again)).toEqual(["a happened"])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("A newer summary replaces it, and an older one is not stored.", () =>
    Effect.gen(function* () {
      const { messages, sessions } = yield* Tx
      yield* converse("a")
      yield* converse("b")
      const [oldest, , third] = [...(yield* messages.ofRun("s", "a")), ...(yield* messages.ofRun("s", "b"))]
      yield* Transcript.summarize("s", { text: "first", upTo: oldest!.id }, 4)
      yield* Transcript.summarize(
        "s",
        { text: "third", upTo: third!.id, usage: { inputTokens: 5, outputTokens: 1 } },
        5,
      )
      expect(yield* Transcript.summarize("s", { text: "late", upTo: oldest!.id }, 6)).toEqual([undefined, []])
      expect((yield* Transcript.history("s")).map(({ text }) => text)).toEqual(["third", "reply to b"])
      expect(yield* sessions.get("s")).toMatchObject({ inputTokens: 5, outputTokens: 1 })
    }).pipe(Effect.provide(layer)),
  )

  it.effect("It is not stored if the messages are gone.", () =>
    Effect.gen(function* () {
      const { messages } = yield* Tx
      yield* converse("a")
      const upTo = (yield* messages.ofRun("s", "a"))[1]!.id
      yield* Transcript.reset("s", 4)
      expect(yield* Transcript.summarize("s", { text: "a happened", upTo }, 4)).toEqual([undefined, []])
    }).pipe(Effect.provide(layer)),
  )

  it.effect("The history of a summary by hand leaves out the messages of the open run.", () =>
    Effect.gen(function* () {
      yield* converse("a")
      yield* Transcript.accept(session, turn("b"))
      yield* Transcript.start("b", 10, 2)
      yield* Transcript.toolEnded({ runId: "b", attempt: 1 }, 1, tool, 3)
      expect((yield* Transcript.history("s")).map(({ text }) => text)).toEqual(["text of a", "reply to a"])
    }).pipe(Effect.provide(layer)),
  )
})
