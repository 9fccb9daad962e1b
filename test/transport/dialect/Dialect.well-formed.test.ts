/** Dialect: no wire sends half of a surrogate pair, because strict JSON parsers drop such frames. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import type { AgentRuntime } from "../../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { echo } from "../../../src/services/agents/EchoRuntime.ts"
import * as Mission from "../../support/MissionClient.ts"
import { enter } from "../../support/OpenClawClient.ts"
import { type StagedRun, staged } from "../../support/StagedRuntime.ts"
import * as TestGateway from "../../support/TestGateway.ts"
import { connect, type TestSocket } from "../../support/TestSocket.ts"

const MOON = "\u{1f319}"
/** Half of a pair as a JSON escape, which is valid UTF-8. */
const HALF = String.raw`\ud83c`

const HALVES = /(?<!\\)\\ud[89a-f][0-9a-f]{2}/i

/** Returns the first frame that contains the text. Every frame up to it must be well-formed. */
const receive = (socket: TestSocket, text: string): Effect.Effect<string> =>
  Effect.flatMap(socket.next, (frame) => {
    expect(frame).not.toMatch(HALVES)
    expect(frame.isWellFormed()).toBe(true)
    return frame.includes(text) ? Effect.succeed(frame) : receive(socket, text)
  })

const wire = (path: string) =>
  Effect.flatMap(TestGateway.TestGateway, ({ token, wsUrl }) => connect(`${wsUrl}${path}?token=${token}`))

const gateway = (runtime: AgentRuntime) =>
  TestGateway.layer({ runtime: "staged", runtimes: AgentRuntimes.add(echo, runtime) })

const inject = (label: string) => `{"sessionKey":"s","text":"${label} ${HALF}","role":"assistant"}`

describe("Dialect, surrogate pairs", () => {
  it.layer(TestGateway.layer(), { excludeTestServices: true })((it) => {
    it.effect("Every wire replaces half of a pair from an escape, and all wires receive the same text.", () =>
      Effect.gen(function* () {
        const rpc = yield* wire("/rpc")
        const jsonRpc = yield* wire("/jsonrpc")
        const { client } = yield* enter()
        yield* client.ask("sessions.subscribe")
        const mission = yield* Mission.subscribed("files")
        const sockets = [rpc, jsonRpc, client.socket]
        rpc.send('{"_tag":"Request","id":1,"tag":"events.subscribe","payload":{},"headers":[]}')
        yield* receive(rpc, "CaughtUp")
        jsonRpc.send('{"jsonrpc":"2.0","id":1,"method":"events.subscribe","params":{}}')
        yield* receive(jsonRpc, "CaughtUp")
        const receiveAll = (text: string) =>
          Effect.forEach(sockets, (socket) =>
            Effect.map(receive(socket, text), (frame) => expect(frame).toContain("\ufffd")),
          )

        rpc.send(`{"_tag":"Request","id":2,"tag":"chat.inject","payload":${inject("one")},"headers":[]}`)
        yield* receiveAll("one ")
        jsonRpc.send(`{"jsonrpc":"2.0","id":2,"method":"chat.inject","params":${inject("two")}}`)
        yield* receiveAll("two ")
        client.socket.send(
          `{"type":"req","id":"${HALF}","method":"chat.inject","params":{"sessionKey":"s","message":"three ${HALF}"}}`,
        )
        yield* receiveAll("three ")
        mission.send(`{"type":"write_file","date":"2026-01-01${HALF}","content":"four ${HALF}"}`)
        yield* receive(mission.socket, "write_complete")
        mission.send(`{"type":"write_file","date":"2026-01-01","content":"four ${HALF}"}`)
        yield* receive(mission.socket, "four \ufffd")
        mission.send(`{"type":"${"x".repeat(99)}${MOON}"}`)
        yield* receive(mission.socket, "Unknown message type")
      }),
    )

    it.effect("A shortened text ends at a whole character.", () =>
      Effect.gen(function* () {
        const { client } = yield* enter()
        yield* client.ask("chat.inject", { sessionKey: "cut", message: `a${MOON}b` })
        const ask = (id: string, method: string, params: object) => {
          client.send({ type: "req", id, method, params })
          return receive(client.socket, `"id":"${id}"`)
        }
        for (const maxChars of [0, 1, 2, 3, 4]) {
          const shown = ["", "a", "a", `a${MOON}`, `a${MOON}b`][maxChars]!
          const history = yield* ask(`h${maxChars}`, "chat.history", { sessionKey: "cut", maxChars })
          expect(history).toContain(JSON.stringify({ type: "text", text: `${shown}${maxChars < 4 ? "…" : ""}` }))
          const preview = yield* ask(`p${maxChars}`, "sessions.preview", { keys: ["cut"], maxChars })
          expect(preview).toContain(JSON.stringify({ role: "assistant", text: shown }))
        }
      }),
    )
  })

  it.live("Clients receive whole characters if a runtime cuts its text or its error inside one.", () => {
    const stage = staged()
    return Effect.gen(function* () {
      const rpc = yield* wire("/rpc")
      rpc.send('{"_tag":"Request","id":1,"tag":"events.subscribe","payload":{},"headers":[]}')
      yield* receive(rpc, "CaughtUp")
      const { client } = yield* enter()
      client.send({ type: "req", id: "a", method: "chat.send", params: { sessionKey: "s", message: "x" } })
      const run: StagedRun = yield* stage.next
      for (const piece of ["good \ud83c", "\udf19 ni", "ght\ud83c"]) yield* run.say(piece)
      yield* run.emit({ _tag: "ToolStarted", callId: "\ud83c", name: "\udf19", input: String.raw`{"a":"\ud83c"}` })
      yield* run.emit({ _tag: "ToolEnded", callId: "\ud83c", output: "\ud83c", isError: false })
      yield* run.end
      yield* receive(rpc, '"RunEnded"')
      yield* receive(client.socket, '"final"')
      client.send({ type: "req", id: "h", method: "chat.history", params: { sessionKey: "s" } })
      expect(yield* receive(client.socket, '"id":"h"')).toContain(`good ${MOON} night`)

      client.send({ type: "req", id: "b", method: "chat.send", params: { sessionKey: "s", message: "y" } })
      yield* (yield* stage.next).fail(`${"x".repeat(1_999)}${MOON}`)
      yield* receive(rpc, '"outcome":"failed"')
    }).pipe(Effect.scoped, Effect.provide(gateway(stage.runtime)))
  })
})
