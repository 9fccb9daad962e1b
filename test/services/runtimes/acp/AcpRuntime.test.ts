import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as Stream from "effect/Stream"
import { Approvals } from "../../../../src/services/approvals/Approvals.ts"
import { Runs } from "../../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../../src/services/sessions/Sessions.ts"
import { principal } from "../../../support/Conversations.ts"
import { ask, change, layer, SECRET, where } from "../../../support/AcpConversations.ts"
import { base64, png } from "../../../support/Files.ts"
import { untilEvent } from "../../../support/Published.ts"
import { gone } from "../../../support/ProcessGroups.ts"

/** Returns the messages of a session without those of the user. */
const answers = Effect.fnUntraced(function* (sessionKey: string) {
  const sessions = yield* Sessions
  const { messages } = yield* sessions.history(sessionKey, { limit: 50 })
  return messages.filter(({ role }) => role !== "user")
})

describe("A command-line agent", () => {
  it.live("Its thoughts and its text become the reply.", () =>
    Effect.gen(function* () {
      expect(yield* ask("think one two", "s")).toMatchObject({ state: "done", reply: "one two" })
      expect(yield* answers("s")).toMatchObject([{ text: "one two", thinking: "Let me see. " }])
    }).pipe(Effect.provide(layer())),
  )

  it.live("Its edit becomes a tool call with the diff as output, once the permission allows it.", () =>
    Effect.gen(function* () {
      const { reply } = yield* ask("edit", "s")
      // An answer for always would take later calls from the policy.
      expect(reply).toBe("I edit.\n\nDone: yes.")
      expect((yield* answers("s"))[0]?.tool).toEqual({
        callId: "t1",
        name: "edit",
        input: '{"path":"a.txt"}',
        output: "--- a.txt\n+++ a.txt\n@@ -1,2 +1,2 @@\n one\n-two\n+2",
        isError: false,
      })
    }).pipe(Effect.provide(layer({ settings: { permissions: { edit: "allow" } } }))),
  )

  it.live("Its images belong to the message of its tool, and to its reply.", () =>
    Effect.gen(function* () {
      const file = base64(png())
      expect(yield* ask(`draw ${file}`, "s")).toMatchObject({ state: "done" })
      const cat = { name: "cat.png", type: "image/png", size: 33, width: 2, height: 3 }
      expect(yield* answers("s")).toMatchObject([
        { role: "tool", text: "[image](file:///tmp/cat.png)", attachments: [cat] },
        { role: "assistant", text: "Here it is: [image](file:///tmp/cat.png)", attachments: [cat] },
      ])
    }).pipe(Effect.provide(layer())),
  )

  it.live("A denied call fails with the reason as its result, and the agent goes on.", () =>
    Effect.gen(function* () {
      const { reply } = yield* ask("edit", "s")
      expect(reply).toBe("I edit.\n\nI may not.")
      expect((yield* answers("s"))[0]?.tool).toMatchObject({
        output: expect.stringMatching(/^Denied: the permission for "edit" is deny/),
        isError: true,
      })
    }).pipe(Effect.provide(layer({ settings: { permissions: { "*": "deny" } } }))),
  )

  it.live("Without a permission an operator decides.", () =>
    Effect.gen(function* () {
      const approvals = yield* Approvals
      const run = yield* Effect.forkChild(ask("edit", "s"))
      yield* untilEvent(() => approvals.waiting().length === 1)
      yield* approvals.decide(approvals.waiting()[0]!.id, "allow-once", "ann")
      expect((yield* Fiber.join(run)).reply).toBe("I edit.\n\nDone: yes.")
    }).pipe(Effect.provide(layer())),
  )

  it.live("The tools of the gateway's agent win over the permissions of the runtime.", () =>
    Effect.gen(function* () {
      yield* change({ tools: { "*": "deny" } })
      expect((yield* ask("edit", "s")).reply).toBe("I edit.\n\nI may not.")
      yield* change({ tools: { "*": "deny", edit: "allow" } })
      expect((yield* ask("edit", "s")).reply).toBe("I edit.\n\nDone: yes.")
    }).pipe(Effect.provide(layer({ settings: { permissions: { edit: "allow" } } }))),
  )

  it.live("Its plan becomes one tool call that ends with the run.", () =>
    Effect.gen(function* () {
      yield* ask("plan", "s")
      expect(yield* answers("s")).toMatchObject([
        { tool: { callId: "plan", name: "plan", input: '{"entries":["Look"]}', output: "[x] Look", isError: false } },
        { text: "planned" },
      ])
    }).pipe(Effect.provide(layer())),
  )

  it.live("Its usage counts cached tokens as input, and its context size is kept.", () =>
    Effect.gen(function* () {
      const { usage } = yield* ask("usage", "s")
      expect(usage).toEqual({ inputTokens: 105, cachedInputTokens: 100, outputTokens: 30, contextTokens: 1_200 })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Lines on standard output that are no message do not end the session.", () =>
    Effect.gen(function* () {
      expect(yield* ask("noise", "s")).toMatchObject({ state: "done", reply: "still here" })
      expect(yield* ask("say again", "s")).toMatchObject({ state: "done", reply: "again" })
    }).pipe(Effect.provide(layer())),
  )

  it.live("All of a fast reply arrives in order.", () =>
    Effect.gen(function* () {
      const { reply } = yield* ask("flood 5000", "s")
      expect(reply).toBe(Array.from({ length: 5_000 }, (_, n) => `${n} `).join(""))
    }).pipe(Effect.provide(layer())),
  )

  it.live("A reply above the limit of characters fails the run, and the session goes on.", () =>
    Effect.gen(function* () {
      expect((yield* ask("flood 100000", "s")).state).toBe("failed")
      expect(yield* ask("say on", "s")).toMatchObject({ state: "done", reply: "on" })
    }).pipe(Effect.provide(layer({ config: { runs: { replyChars: 1_000 } } }))),
  )

  it.live("A crash fails the run with the last lines, without secrets, and the next run starts the agent again.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      const items = yield* Stream.runCollect(runs.stream({ text: "die", sessionKey: "s" }, principal))
      const events = items.flatMap((item) => (item._tag === "Event" ? [item.event] : []))
      expect(events.find(({ _tag }) => _tag === "ToolEnded")).toMatchObject({ name: "execute", isError: true })
      expect(events.at(-1)).toMatchObject({
        outcome: "failed",
        error: {
          message: expect.stringMatching(
            /^acp\/test ended: ".*node" exited with code 7\. Its last lines:\nkey is <redacted>\nout of memory$/,
          ),
        },
      })
      expect(yield* ask("say back", "s")).toMatchObject({ state: "done", reply: "back" })
    }).pipe(Effect.provide(layer())),
  )

  it.live("An error of the agent fails the run with its details, without secrets.", () =>
    Effect.gen(function* () {
      const { error } = yield* ask("fail", "s")
      expect(error?.message).toBe("acp/test failed in session/prompt: Internal error: no credit for <redacted>")
      expect(JSON.stringify(error)).not.toContain(SECRET)
    }).pipe(Effect.provide(layer())),
  )

  it.live.each([
    ["refusal", "acp/test refused to answer.", "refusal"],
    ["max_tokens", "acp/test stopped at its limit of tokens, so the reply is not complete.", undefined],
    ["max_turn_requests", "acp/test stopped at its limit of model requests, so the task is not complete.", undefined],
    ["cancelled", "acp/test cancelled the run by itself.", undefined],
    ["tired", "acp/test stopped: tired.", undefined],
  ])("The stop reason %s fails the run.", ([reason, message, kind]) =>
    Effect.gen(function* () {
      const { error } = yield* ask(`stop ${reason}`, "s")
      expect(error).toEqual({ reason: "runtime", message, ...(kind !== undefined && { kind }) })
    }).pipe(Effect.provide(layer())),
  )

  it.live("Each session has a process of its own, in a folder of its own.", () =>
    Effect.gen(function* () {
      const [one, two] = yield* Effect.all([where("one"), where("two")], { concurrency: 2 })
      expect(one.pid).not.toBe(two.pid)
      expect((yield* where("one")).pid).toBe(one.pid)
    }).pipe(Effect.provide(layer())),
  )

  it.live("More sessions than processes take turns, and the longest idle process ends.", () =>
    Effect.gen(function* () {
      const { pid } = yield* where("one")
      yield* where("two")
      expect((yield* where("three")).messages).toEqual([])
      yield* gone(-pid)
      const all = yield* Effect.forEach(["a", "b", "c", "d"], (key) => ask("say hi", key), { concurrency: 4 })
      expect(all.map(({ reply }) => reply)).toEqual(["hi", "hi", "hi", "hi"])
    }).pipe(Effect.provide(layer({ settings: { processes: 2 } }))),
  )

  it.live("A process without a run ends after the idle time.", () =>
    Effect.gen(function* () {
      const { pid } = yield* where("s")
      yield* gone(-pid)
      expect((yield* where("s")).pid).not.toBe(pid)
    }).pipe(Effect.provide(layer({ settings: { idleMs: 1 } }))),
  )
})
