/** Guards: a change applies to the session that the client has seen, or it fails. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { AgentRuntimes } from "../../../../src/services/agents/AgentRuntimes.ts"
import { echo } from "../../../../src/services/agents/EchoRuntime.ts"
import { enter, type OpenClawClient } from "../../../support/OpenClawClient.ts"
import { staged } from "../../../support/StagedRuntime.ts"
import * as TestGateway from "../../../support/TestGateway.ts"

const ANOTHER = "00000000-0000-4000-8000-000000000000"

const refused = { ok: false, error: { code: "INVALID_REQUEST", details: { reason: "session-changed" } } }

/** Makes a session with one message and returns its row. */
const session = Effect.fnUntraced(function* (client: OpenClawClient, key: string) {
  yield* client.ask("chat.inject", { sessionKey: key, message: "kept" })
  const { payload } = yield* client.ask("sessions.describe", { key })
  return payload.session as { readonly sessionId: string; readonly updatedAt: number; readonly label?: string }
})

const messages = (client: OpenClawClient, key: string) =>
  Effect.map(client.ask("chat.history", { sessionKey: key }), ({ payload }) => payload.messages as ReadonlyArray<any>)

describe("Guards", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("A session is deleted only if it is the one that the client has seen.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const { sessionId, updatedAt } = yield* session(client, "d")
        for (const guard of [
          { expectedSessionId: ANOTHER },
          { expectedSessionId: sessionId, expectedSessionUpdatedAt: updatedAt - 1 },
          { expectedSessionUpdatedAt: updatedAt + 1 },
          { expectedLifecycleRevision: "r1" },
        ]) {
          expect(yield* client.ask("sessions.delete", { key: "d", ...guard }), JSON.stringify(guard)).toMatchObject(
            refused,
          )
        }
        expect(yield* messages(client, "d")).toHaveLength(1)
        const right = { key: "d", expectedSessionId: sessionId, expectedSessionUpdatedAt: updatedAt }
        expect((yield* client.ask("sessions.delete", right)).payload).toMatchObject({ deleted: true })
        // With conditions, deleting a missing session fails. Without conditions, it succeeds.
        expect(yield* client.ask("sessions.delete", right)).toMatchObject(refused)
        expect((yield* client.ask("sessions.delete", { key: "d" })).payload).toMatchObject({ deleted: false })
      }),
    )

    it.effect(
      "A session is patched only if it is the one that the client has seen, and the patch creates no session.",
      () =>
        Effect.gen(function* () {
          const { client } = yield* enter()
          const { sessionId } = yield* session(client, "p")
          const patch = (key: string, guard: object) => client.ask("sessions.patch", { key, label: "new", ...guard })
          expect(yield* patch("p", { expectedSessionId: ANOTHER })).toMatchObject(refused)
          expect(yield* patch("p", { expectedLifecycleRevision: "r1" })).toMatchObject(refused)
          expect(yield* patch("none", { expectedSessionId: ANOTHER })).toMatchObject(refused)
          expect((yield* client.ask("sessions.describe", { key: "none" })).payload.session).toBeNull()
          expect((yield* session(client, "p")).label).toBeUndefined()
          expect((yield* patch("p", { expectedSessionId: sessionId })).payload.entry).toMatchObject({ label: "new" })
          // The call by which the Control UI marks a session as read.
          const read = { expectedMarkedUnreadAt: null, unread: false, expectedPermissionMode: null }
          expect(yield* client.ask("sessions.patch", { key: "p", ...read })).toMatchObject({ ok: true })
        }),
    )

    it.effect("After a reset, a session has another UUID and does not meet older conditions.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const before = yield* session(client, "e")
        for (let n = 0; n < 2; n++) {
          const { payload } = yield* client.ask("sessions.reset", { key: "e" })
          expect(payload.entry.sessionId).not.toBe(before.sessionId)
        }
        yield* client.ask("chat.inject", { sessionKey: "e", message: "since the reset" })
        const guard = { key: "e", expectedSessionId: before.sessionId }
        expect(yield* client.ask("sessions.delete", guard)).toMatchObject(refused)
        const send = { sessionKey: "e", message: "x", sessionId: before.sessionId }
        expect(yield* client.ask("chat.send", send)).toMatchObject(refused)
        expect(yield* messages(client, "e")).toHaveLength(1)
      }),
    )

    it.effect("A message is sent only to the transcript that the client shows.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const { sessionId } = yield* session(client, "s")
        const [{ __openclaw: newest }] = (yield* messages(client, "s")) as [any]
        const send = (more: object) => client.ask("chat.send", { sessionKey: "s", message: "hi", ...more })
        const leaf = { ok: false, error: { code: "INVALID_REQUEST", details: { reason: "active-leaf-changed" } } }
        expect(yield* send({ sessionId: ANOTHER })).toMatchObject(refused)
        expect(yield* send({ expectedLeafEntryId: null })).toMatchObject(leaf)
        expect(yield* send({ expectedLeafEntryId: `${Number(newest.id) - 1}` })).toMatchObject(leaf)
        expect(yield* send({ expectedLeafEntryId: ANOTHER })).toMatchObject(leaf)
        expect(yield* messages(client, "s")).toHaveLength(1)

        const right = { sessionId, expectedLeafEntryId: newest.id, idempotencyKey: "once" }
        expect((yield* send(right)).payload).toMatchObject({ runId: "once", status: "started" })
        yield* client.ask("agent.wait", { runId: "once" })
        // The first send has changed the session. The gateway still recognizes the repeated send.
        expect((yield* send(right)).payload).toMatchObject({ runId: "once", status: "ok" })
        expect(
          yield* client.ask("chat.send", { sessionKey: "fresh", message: "hi", expectedLeafEntryId: null }),
        ).toMatchObject({ ok: true })
      }),
    )

    it.effect("`agent` sends only to the session with the UUID.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const { sessionId } = yield* session(client, "a")
        const ask = (more: object) => client.ask("agent", { message: "hi", ...more })
        expect((yield* ask({ sessionId })).payload).toMatchObject({ sessionKey: "a", status: "accepted" })
        expect((yield* ask({ sessionKey: "a", expectedExistingSessionId: sessionId })).payload.sessionKey).toBe("a")
        expect(yield* ask({ sessionKey: "a", expectedExistingSessionId: ANOTHER })).toMatchObject(refused)
        expect(yield* ask({ sessionKey: "a", sessionId, expectedExistingSessionId: ANOTHER })).toMatchObject(refused)
        expect(yield* ask({ expectedExistingSessionId: ANOTHER })).toMatchObject(refused)
        expect(yield* ask({ sessionId: ANOTHER })).toMatchObject({ ok: false })
      }),
    )

    it.effect("A history is of the transcript that the client asks for.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        const { sessionId } = yield* session(client, "h")
        const history = (id: string) => client.ask("chat.history", { sessionKey: "h", sessionId: id })
        expect((yield* history(sessionId)).payload.messages).toHaveLength(1)
        expect(yield* history(ANOTHER)).toMatchObject(refused)
      }),
    )
  })
})

describe("Time limits of runs", () => {
  const stage = staged()
  const gateway = TestGateway.layer({ runtime: "staged", runtimes: AgentRuntimes.add(echo, stage.runtime) })

  it.layer(gateway, { excludeTestServices: true })((it) => {
    const sends: ReadonlyArray<readonly [string, object]> = [
      ["chat.send", { sessionKey: "t1", timeoutMs: 50 }],
      ["sessions.send", { key: "t2", timeoutMs: 50 }],
    ]
    for (const [method, params] of sends) {
      it.effect(`${method} with timeoutMs ends the run in time and names the reason.`, () =>
        Effect.gen(function* () {
          const { client } = yield* enter()
          const runId = `of ${method}`
          client.send({ type: "req", id: "s", method, params: { message: "go", idempotencyKey: runId, ...params } })
          const ended = yield* client.socket.find((text) => {
            const { event, payload } = JSON.parse(text)
            return event === "chat" && payload.runId === runId && payload.state === "aborted" ? payload : undefined
          })
          expect(ended).toMatchObject({ stopReason: "timeout" })
          expect((yield* client.ask("agent.wait", { runId })).payload).toMatchObject({
            status: "timeout",
            stopReason: "timeout",
          })
        }),
      )
    }

    it.effect("`agent` with timeout ends the run after so many seconds and returns its outcome.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        client.send({
          type: "req",
          id: "a",
          method: "agent",
          params: { message: "go", sessionKey: "t3", timeout: 0.05 },
        })
        expect((yield* client.answer("a")).payload).toMatchObject({ status: "accepted" })
        expect((yield* client.answer("a")).payload).toMatchObject({ status: "timeout", stopReason: "timeout" })
      }),
    )
  })
})
