import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { SessionCompaction } from "../../../src/services/runs/SessionCompaction.ts"
import { Sessions } from "../../../src/services/sessions/Sessions.ts"
import { ask, layer as conversations, principal } from "../../support/Conversations.ts"
import { answer, fails, says, scripted, shown } from "../../support/ScriptedModels.ts"

const isSummaryRequest = ({ messages }: { readonly messages: ReadonlyArray<{ readonly content: unknown }> }) =>
  String(messages[0]?.content).startsWith("You summarize")

const compact = (key: string) => Effect.flatMap(SessionCompaction, (compaction) => compaction.compact(key))

describe("SessionCompaction", () => {
  it.live("It stores a summary of all messages, and later runs see the summary instead.", () => {
    const { layer, requests } = scripted({
      answer: (request, n) => answer(says(isSummaryRequest(request) ? ` Summary ${n}. ` : `reply ${n}`)),
    })
    return Effect.gen(function* () {
      yield* ask("one", "s")
      const before = yield* (yield* Sessions).get("s")
      expect(yield* compact("s")).toMatchObject({
        role: "system",
        text: "Summary 1.",
        summaryUpTo: 2,
        usage: { inputTokens: expect.any(Number), outputTokens: 5 },
      })
      const after = yield* (yield* Sessions).get("s")
      expect(after.inputTokens).toBeGreaterThan(before.inputTokens)
      expect(after).toMatchObject({ contextTokens: before.contextTokens, lastMessage: "reply 0", messageCount: 3 })
      yield* ask("two", "s")
      const [system, ...rest] = requests[2]!.messages
      expect(String(system!.content)).toMatch(/summarized:\nSummary 1\.$/)
      expect(rest.map(shown)).toEqual(["user: two"])
    }).pipe(Effect.provide(layer))
  })

  it.live("It can be repeated: the next summary covers the one before it.", () => {
    const { layer, requests } = scripted({ answer: (_, n) => answer(says(`text ${n}`)) })
    return Effect.gen(function* () {
      yield* ask("one", "s")
      yield* compact("s")
      expect(yield* compact("s")).toBeNull()
      yield* ask("two", "s")
      expect(yield* compact("s")).toMatchObject({ text: "text 3" })
      expect(shown(requests[3]!.messages[1]!)).toContain(
        "Summary of what came before:\ntext 1\n\nUser: two\n\nAssistant: text 2",
      )
    }).pipe(Effect.provide(layer))
  })

  it.live("A model that fails changes nothing, and the caller gets the kind of its problem.", () => {
    const { layer } = scripted({
      answer: (request) => (isSummaryRequest(request) ? fails("quota", "no credit") : answer(says("ok"))),
    })
    return Effect.gen(function* () {
      yield* ask("one", "s")
      expect(yield* Effect.flip(compact("s"))).toMatchObject({
        _tag: "CompactionFailed",
        kind: "quota",
        message: "no credit",
      })
      expect((yield* (yield* Sessions).history("s", { limit: 9 })).messages).toHaveLength(2)
    }).pipe(Effect.provide(layer))
  })

  it.live("An empty summary is a failure.", () => {
    const { layer } = scripted({ answer: (request) => answer(says(isSummaryRequest(request) ? "  " : "ok")) })
    return Effect.gen(function* () {
      yield* ask("one", "s")
      expect(yield* Effect.flip(compact("s"))).toMatchObject({ message: 'the model "test/one" gave no summary' })
    }).pipe(Effect.provide(layer))
  })

  it.live("A session that is emptied meanwhile gets no summary, and a second caller is refused.", () => {
    const asked = Deferred.makeUnsafe<void>()
    const go = Deferred.makeUnsafe<void>()
    const { layer } = scripted({
      answer: (request) =>
        isSummaryRequest(request)
          ? Stream.unwrap(
              Effect.gen(function* () {
                yield* Deferred.succeed(asked, undefined)
                yield* Deferred.await(go)
                return answer(says("late"))
              }),
            )
          : answer(says("ok")),
    })
    return Effect.gen(function* () {
      yield* ask("one", "s")
      const fiber = yield* Effect.forkChild(compact("s"))
      yield* Deferred.await(asked)
      expect(yield* Effect.flip(compact("s"))).toMatchObject({
        message: "The session is being summarized already. Wait for it.",
      })
      const sessions = yield* Sessions
      yield* sessions.reset("s")
      yield* Deferred.succeed(go, undefined)
      expect(yield* Fiber.join(fiber)).toBeNull()
      expect((yield* sessions.history("s", { limit: 9 })).messages).toEqual([])
    }).pipe(Effect.provide(layer))
  })

  it.live("Messages of an open run stay out of the summary.", () => {
    const begun = Deferred.makeUnsafe<void>()
    const { layer, requests } = scripted({
      answer: (_, n) =>
        n === 1 ? Stream.unwrap(Effect.as(Deferred.succeed(begun, undefined), Stream.never)) : answer(says("ok")),
    })
    return Effect.gen(function* () {
      yield* ask("one", "s")
      const runs = yield* Runs
      yield* runs.accept({ text: "two", sessionKey: "s" }, principal)
      yield* Deferred.await(begun)
      expect(yield* compact("s")).toMatchObject({ summaryUpTo: 2 })
      expect(shown(requests[2]!.messages[1]!)).not.toContain("two")
      yield* runs.abort("s")
    }).pipe(Effect.provide(layer))
  })

  it.live("A runtime without summaries says so, and an unknown session is unknown.", () =>
    Effect.gen(function* () {
      yield* ask("one", "s")
      expect(yield* Effect.flip(compact("s"))).toMatchObject({
        message: 'The runtime "echo" of agent "main" makes no summaries.',
      })
      expect(yield* Effect.flip(compact("nowhere"))).toMatchObject({ _tag: "SessionNotFound" })
    }).pipe(Effect.provide(conversations())),
  )
})
