/** AcpRuntimes: the end of a session of the gateway ends the agent's process and forgets the agent's own session. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { GatewayClient } from "../../../../src/client/GatewayClient.ts"
import { AGENT, type Where } from "../../../support/AcpConversations.ts"
import { gone } from "../../../support/ProcessGroups.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const test = { command: process.execPath, args: [AGENT], env: { AGENT_MODE: "resume" } }
const gateway = TestGateway.layer({ runtime: "acp/test", acp: { test } })

/** Asks the agent where it is. */
const where = Effect.gen(function* () {
  const { calls } = yield* GatewayClient
  const { runId } = yield* calls["chat.send"]({ text: "where", sessionKey: "s" })
  const { reply = "{}" } = yield* calls["runs.wait"]({ runId })
  return JSON.parse(reply) as Where
})

describe("AcpRuntimes", () => {
  it.layer(TestGateway.client.pipe(Layer.provideMerge(gateway)), { excludeTestServices: true })((it) => {
    for (const method of ["sessions.reset", "sessions.delete"] as const) {
      it.effect(`${method} ends the process of the agent, and the next message gets a new session of the agent.`, () =>
        Effect.gen(function* () {
          const { calls } = yield* GatewayClient
          const before = yield* where
          expect(yield* where).toMatchObject({ pid: before.pid, sessionId: before.sessionId })
          yield* calls[method]({ key: "s" })
          yield* gone(before.pid)
          const after = yield* where
          expect(after.sessionId).not.toBe(before.sessionId)
          expect(after).toMatchObject({ messages: [], blocks: ["where"] })
        }),
      )
    }
  })
})
