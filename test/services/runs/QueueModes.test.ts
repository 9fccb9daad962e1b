/** Messages that come while their session runs another one. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { QueueMode } from "../../../src/domain/Run.ts"
import { Agents } from "../../../src/services/agents/Agents.ts"
import { principal } from "../../support/Conversations.ts"
import * as StoppableConversations from "../../support/StoppableConversations.ts"
import { crash } from "../../support/StoppableConversations.ts"
import { newPlace, queryAt } from "../../support/TestDatabase.ts"

const start = Effect.fnUntraced(function* (place?: string) {
  const { services, ...started } = yield* StoppableConversations.start({ place })
  const { runs, sessions } = started
  const agents = yield* Effect.provide(Agents, services)
  const send = (text: string, queue?: QueueMode, sender = principal) =>
    Effect.map(
      runs.accept({ text, sessionKey: "s", ...(queue !== undefined && { queue }) }, sender),
      ({ runId }) => runId,
    )
  const texts = Effect.map(sessions.history("s", { limit: 50 }), ({ messages }) => messages.map(({ text }) => text))
  return { ...started, agents, send, texts }
})

describe("The queue mode collect", () => {
  it.live("The waiting messages become one run, and each run ends with a pointer to it.", () =>
    Effect.gen(function* () {
      const { next, runs, send, sessions, texts } = yield* start()
      yield* send("first")
      yield* sessions.patch("s", { queue: "collect" })
      const running = yield* next
      const taker = yield* send("a")
      const b = yield* send("b")
      const c = yield* send("c")
      yield* running.end
      const collected = yield* next
      expect(collected.turn).toMatchObject({ runId: taker, text: "a\n\nb\n\nc" })
      for (const taken of [b, c]) expect(yield* runs.get(taken)).toMatchObject({ state: "done", takenBy: taker })
      yield* collected.say("reply")
      yield* collected.end
      const answer = { runId: taker, state: "done", reply: "reply" }
      expect(yield* runs.wait(taker, 5_000)).toMatchObject(answer)
      expect(yield* runs.wait(b, 5_000)).toMatchObject(answer)
      expect(yield* texts).toEqual(["first", "a", "b", "c", "reply"])
      const later = yield* send("later", "followup")
      const last = yield* next
      expect(yield* last.past).toEqual(["first", "a", "b", "c", "reply"])
      yield* last.end
      yield* runs.wait(later, 5_000)
    }),
  )

  it.live("After a crash, the run receives the messages that it has taken before, once.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      yield* before.send("first")
      const running = yield* before.next
      const taker = yield* before.send("a", "collect")
      const taken = yield* before.send("b", "collect")
      yield* running.end
      yield* before.next
      yield* before.stop
      yield* crash(place)

      const after = yield* start(place)
      const again = yield* after.next
      expect(again.turn).toMatchObject({ runId: taker, attempt: 2, text: "a\n\nb" })
      yield* again.end
      yield* after.runs.wait(taker, 5_000)
      expect(yield* after.runs.get(taken)).toMatchObject({ state: "done", takenBy: taker, attempt: 0 })
      expect(yield* after.texts).toEqual(["first", "a", "b"])
      expect(after.sessions.find("s")).toMatchObject({ messageCount: 3 })
    }),
  )

  it.live("A message of another sender is not collected, and the order stays.", () =>
    Effect.gen(function* () {
      const { next, send } = yield* start()
      yield* send("first")
      const running = yield* next
      yield* send("a", "collect")
      yield* send("b", "collect", { ...principal, scopes: ["operator.write"] })
      yield* send("c", "collect")
      yield* running.end
      for (const text of ["a", "b", "c"]) {
        const run = yield* next
        expect(run.turn.text).toBe(text)
        yield* run.end
      }
    }),
  )
})

describe("The queue mode steer", () => {
  it.live("The running run takes the message at its next step.", () =>
    Effect.gen(function* () {
      const { agents, next, runs, send, texts } = yield* start()
      yield* agents.update("main", { queue: "steer" })
      const taker = yield* send("first")
      const { end, say, turn } = yield* next
      expect(yield* turn.steering).toEqual([])
      const taken = yield* send("rather this")
      const waiting = yield* Effect.forkChild(runs.wait(taken, 5_000), { startImmediately: true })
      expect(yield* turn.steering).toEqual([{ text: "rather this", attachments: [] }])
      expect(yield* turn.steering).toEqual([])
      expect(yield* runs.get(taken)).toMatchObject({ state: "done", takenBy: taker })
      expect(yield* runs.wait(taken, 0)).toMatchObject({ runId: taker, state: "running" })
      yield* say("reply")
      yield* end
      expect(yield* Fiber.join(waiting)).toMatchObject({ runId: taker, state: "done", reply: "reply" })
      expect(yield* texts).toEqual(["first", "rather this", "reply"])
    }),
  )

  it.live("A message that no step takes gets the next run.", () =>
    Effect.gen(function* () {
      const { next, runs, send } = yield* start()
      yield* send("first")
      const running = yield* next
      const waiting = yield* send("too late", "steer")
      yield* running.end
      const run = yield* next
      expect(run.turn).toMatchObject({ runId: waiting, text: "too late" })
      yield* run.end
      expect(yield* runs.wait(waiting, 5_000)).not.toHaveProperty("takenBy")
    }),
  )

  it.live("After a crash, the run receives a message that has steered it with its first step.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      yield* before.send("first")
      const running = yield* before.next
      yield* before.send("rather this", "steer")
      yield* running.turn.steering
      yield* before.stop
      yield* crash(place)
      const after = yield* start(place)
      const again = yield* after.next
      expect(again.turn).toMatchObject({ attempt: 2, text: "first\n\nrather this" })
      yield* again.end
    }),
  )

  it.live("A run that has ended takes nothing.", () =>
    Effect.gen(function* () {
      const { next, runs, send } = yield* start()
      const first = yield* send("first")
      const { turn } = yield* next
      yield* runs.abort("s", first)
      yield* send("a")
      const second = yield* next
      const waiting = yield* send("b", "steer")
      expect(yield* turn.steering).toEqual([])
      expect(yield* runs.get(waiting)).toMatchObject({ state: "queued" })
      yield* second.end
    }),
  )
})

describe("The queue mode interrupt", () => {
  it.live("The message aborts the runs before it and gets the next run.", () =>
    Effect.gen(function* () {
      const { next, runs, send, texts } = yield* start()
      const first = yield* send("first")
      const running = yield* next
      yield* running.say("half")
      const waiting = yield* send("waits")
      const urgent = yield* send("urgent", "interrupt")
      const run = yield* next
      expect(run.turn).toMatchObject({ runId: urgent, text: "urgent" })
      expect(yield* runs.get(first)).toMatchObject({ state: "aborted" })
      expect(yield* runs.get(waiting)).toMatchObject({ state: "aborted" })
      yield* run.end
      yield* runs.wait(urgent, 5_000)
      expect((yield* texts).filter((text) => text !== "half")).toEqual(["first", "waits", "urgent"])
    }),
  )

  it.live("After a crash between the acceptance and the abort, the start aborts the runs before it.", () =>
    Effect.gen(function* () {
      const place = yield* newPlace
      const before = yield* start(place)
      const first = yield* before.send("first")
      yield* before.next
      const waiting = yield* before.send("waits")
      const urgent = yield* before.send("urgent")
      yield* before.send("last")
      yield* before.stop
      yield* crash(place)
      yield* queryAt(place, `UPDATE turns SET queue = 'interrupt' WHERE run_id = '${urgent}'`)
      const after = yield* start(place)
      const run = yield* after.next
      expect(run.turn).toMatchObject({ text: "urgent", attempt: 1 })
      for (const runId of [first, waiting]) expect(yield* after.runs.get(runId)).toMatchObject({ state: "aborted" })
      expect(yield* after.texts).toEqual(["first", "waits", "urgent"])
      expect(after.sessions.find("s")).toMatchObject({ activity: "running" })
      yield* run.end
    }),
  )
})
