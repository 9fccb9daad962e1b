import { describe, expect, it } from "@effect/vitest"
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { AgentRuntimes } from "../../../../src/services/agents/AgentRuntimes.ts"
import { Runs } from "../../../../src/services/runs/Runs.ts"
import { Sessions } from "../../../../src/services/sessions/Sessions.ts"
import * as Trace from "../../../../src/services/traces/Trace.ts"
import type { ApprovalRequest } from "../../../../src/services/tools/ToolApproval.ts"
import { ask, askUntilHeard, change, layer, where } from "../../../support/AcpConversations.ts"
import { temporaryFolder } from "../../../support/GatewayProcess.ts"
import { gone } from "../../../support/ProcessGroups.ts"

/** Aborts the open run of the session and waits for its end. */
const abort = Effect.fnUntraced(function* (sessionKey: string, runId: string) {
  const runs = yield* Runs
  yield* runs.abort(sessionKey)
  return yield* runs.wait(runId, 10_000)
})

describe("A trace", () => {
  it.live("The agent gets the trace of the client with the prompt, and nothing without one.", () =>
    Effect.gen(function* () {
      const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
      const traced = yield* Trace.within(ask("meta", "s"), traceparent)
      expect(traced.reply).toBe(JSON.stringify({ traceparent }))
      expect((yield* ask("meta", "s")).reply).toBe("null")
    }).pipe(Effect.provide(layer())),
  )
})

describe("An abort", () => {
  it.live("The agent stops, keeps its process, and knows the aborted message in the next run.", () =>
    Effect.gen(function* () {
      const { pid } = yield* where("s")
      const runId = yield* askUntilHeard("slow", "s")
      expect((yield* abort("s", runId)).state).toBe("aborted")
      expect(yield* where("s")).toMatchObject({ pid, messages: ["where", "slow"], blocks: ["where"] })
    }).pipe(Effect.provide(layer())),
  )

  it.live("An agent that does not stop within 3 seconds is killed, and the next run starts it again.", () =>
    Effect.gen(function* () {
      const { pid } = yield* where("s")
      const runId = yield* askUntilHeard("hang", "s")
      expect((yield* abort("s", runId)).state).toBe("aborted")
      yield* gone(-pid)
      const next = yield* where("s")
      expect(next.pid).not.toBe(pid)
      expect(next.blocks[0]).toContain("assistant: hang")
    }).pipe(Effect.provide(layer({ mode: "stubborn" }))),
  )

  it.live("A permission request that waits for an approval is cancelled.", () =>
    Effect.gen(function* () {
      const { pid } = yield* where("s")
      const runId = yield* askUntilHeard("ask", "s")
      expect((yield* abort("s", runId)).state).toBe("aborted")
      expect(yield* where("s")).toMatchObject({ pid, messages: ["where", "ask"] })
    }).pipe(Effect.provide(layer({ approve: () => Effect.never }))),
  )
})

describe("An approval", () => {
  it.live("The gateway asks with the run, the kind and the input of the call.", () =>
    Effect.gen(function* () {
      const asked = yield* Deferred.make<ApprovalRequest>()
      const approve = (request: ApprovalRequest) => Effect.asVoid(Deferred.succeed(asked, request))
      const reply = yield* Effect.map(ask("edit", "s"), ({ reply }) => reply).pipe(Effect.provide(layer({ approve })))
      expect(reply).toBe("I edit.\n\nDone: yes.")
      const { callId, input, sessionKey, tool } = yield* Deferred.await(asked)
      expect({ callId, input, sessionKey, tool }).toEqual({
        callId: "t1",
        input: '{"path":"a.txt"}',
        sessionKey: "s",
        tool: "edit",
      })
    }),
  )
})

describe("The agent's own session", () => {
  it.live("The agent gets the instruction once, and again after a change.", () =>
    Effect.gen(function* () {
      yield* change({ personality: "Be brief." })
      expect((yield* where("s")).blocks).toEqual(["<instructions>\nYou are Main.\nBe brief.\n</instructions>", "where"])
      expect((yield* where("s")).blocks).toEqual(["where"])
      yield* change({ personality: "Be long." })
      expect((yield* where("s")).blocks[0]).toContain("Be long.")
    }).pipe(Effect.provide(layer())),
  )

  it.live("The agent gets messages of others, which it has not seen, with the next message.", () =>
    Effect.gen(function* () {
      const runs = yield* Runs
      yield* where("s")
      yield* runs.inject({ sessionKey: "s", role: "system", text: "The build is red." })
      expect((yield* where("s")).blocks).toEqual([
        "<conversation-so-far>\nsystem: The build is red.\n</conversation-so-far>",
        "where",
      ])
      expect((yield* where("s")).blocks).toEqual(["where"])
    }).pipe(Effect.provide(layer())),
  )

  it.live("A reset of the transcript starts a new session of the agent.", () =>
    Effect.gen(function* () {
      const { sessionId } = yield* where("s")
      yield* (yield* Sessions).reset("s")
      const after = yield* where("s")
      expect(after.sessionId).not.toBe(sessionId)
      expect(after).toMatchObject({ messages: [], blocks: ["where"] })
    }).pipe(Effect.provide(layer())),
  )

  it.live.each(["resume", "load"])("After the end of its process the agent opens its session again by %s.", (mode) =>
    Effect.gen(function* () {
      const { pid, sessionId } = yield* where("s")
      yield* gone(-pid)
      expect(yield* where("s")).toMatchObject({ sessionId, messages: ["where"], blocks: ["where"] })
    }).pipe(Effect.provide(layer({ mode, settings: { idleMs: 0 } }))),
  )

  it.live("An agent that cannot open its session again gets the history.", () =>
    Effect.gen(function* () {
      yield* ask("say hello", "s")
      const { pid } = yield* where("other")
      yield* gone(-pid)
      const { blocks, messages } = yield* where("s")
      expect(messages).toEqual([])
      expect(blocks).toEqual([
        "<conversation-so-far>\nuser: say hello\n\nassistant: hello\n</conversation-so-far>",
        "where",
      ])
    }).pipe(Effect.provide(layer({ settings: { processes: 1, idleMs: 0 } }))),
  )

  it.live("An agent that has lost its session gets the history in a new one.", () =>
    Effect.gen(function* () {
      const folder = yield* temporaryFolder
      yield* Effect.provide(ask("say hello", "s"), layer({ mode: "resume", folder }))
      writeFileSync(join(folder, "test/sessions.json"), "{}")
      // The second gateway has a transcript of its own, so the history is empty and the run is not in it.
      expect(yield* Effect.provide(where("s"), layer({ mode: "resume", folder }))).toMatchObject({ messages: [] })
    }),
  )

  it.live("A message whose run failed is not repeated to the agent.", () =>
    Effect.gen(function* () {
      yield* where("s")
      yield* ask("fail", "s")
      expect((yield* where("s")).blocks).toEqual(["where"])
    }).pipe(Effect.provide(layer())),
  )
})

describe("The models of an agent", () => {
  it.live("The agent's choices are models of the gateway, and the model of an agent is selected.", () =>
    Effect.gen(function* () {
      const runtimes = yield* AgentRuntimes
      expect(yield* where("s")).toMatchObject({ model: "small" })
      yield* change({ model: "big" })
      expect(yield* where("s")).toMatchObject({ model: "big" })
      expect(yield* runtimes.models).toContainEqual({
        id: "big",
        name: "Big",
        runtime: "acp/test",
        contextWindow: null,
      })
    }).pipe(Effect.provide(layer({ mode: "models" }))),
  )

  it.live("An agent of an older version of ACP gets the model by the older method.", () =>
    Effect.gen(function* () {
      expect((yield* where("s")).model).toBe("small")
      yield* change({ model: "big" })
      expect((yield* where("s")).model).toBe("big")
      yield* change({ model: "huge" })
      expect((yield* ask("where", "s")).error?.message).toContain(
        'It offers no model "huge". Its models are: small, big.',
      )
    }).pipe(Effect.provide(layer({ mode: "old-models" }))),
  )

  it.live("An unknown model fails the run and names the models of the agent.", () =>
    Effect.gen(function* () {
      yield* change({ model: "huge" })
      expect((yield* ask("say x", "s")).error).toEqual({
        reason: "runtime",
        kind: "configuration",
        message: 'acp/test cannot run: It offers no model "huge". Its models are: small, big.',
      })
    }).pipe(Effect.provide(layer({ mode: "models" }))),
  )

  it.live("A model for an agent that offers none fails the run.", () =>
    Effect.gen(function* () {
      yield* change({ model: "big" })
      expect((yield* ask("say x", "s")).error?.message).toMatch(/It offers no choice of models/)
    }).pipe(Effect.provide(layer())),
  )
})
