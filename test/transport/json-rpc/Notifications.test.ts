/** Notifications: text deltas that wait for a slow client merge, without losing text or order. */
import { expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import type { RuntimeEvent } from "../../../src/domain/Run.ts"
import type { AgentRuntime } from "../../../src/services/agents/AgentRuntime.ts"
import { AgentRuntimes } from "../../../src/services/agents/AgentRuntimes.ts"
import { Runs } from "../../../src/services/runs/Runs.ts"
import { open } from "../../support/JsonRpcClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const PIECES = 400

/** All pieces together exceed the buffers of the operating system for a socket that nobody reads. */
const piece = (i: number) => `${i} ${"x".repeat(50_000)} `

/** Lets the event loop serve the sockets between two pieces. */
const talkative: AgentRuntime = {
  name: "talkative",
  models: [],
  run: () =>
    Stream.range(0, PIECES - 1).pipe(
      Stream.map((i): RuntimeEvent => ({ _tag: "Text", text: piece(i) })),
      Stream.tap(() => Effect.callback<void>((resume) => void setImmediate(() => resume(Effect.void)))),
    ),
}

it.live("Text deltas that wait for a slow client merge into fewer notifications with the same text.", () =>
  Effect.gen(function* () {
    const runs = yield* Runs
    const client = yield* open()
    yield* client.call("events.subscribe", { topics: ["chat"], sessionKey: "slow" })
    yield* client.itemsUntil(({ _tag }) => _tag === "CaughtUp")
    const { runId } = (yield* client.call("chat.send", { text: "talk", sessionKey: "slow" })).result
    client.socket.stopReading()
    yield* runs.wait(runId, 20_000)
    client.socket.goOnReading()
    const items = yield* client.itemsUntil(({ event }) => event?._tag === "RunEnded")
    const deltas = items.filter(({ event }) => event?._tag === "TextDelta")
    const whole = Array.from({ length: PIECES }, (_, i) => piece(i)).join("")
    expect(deltas.map(({ event }) => event.text).join("") === whole).toBe(true)
    expect(deltas.length).toBeLessThan(PIECES)
    const seqs = items.map(({ seq }) => seq)
    expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
    expect(new Set(seqs).size).toBe(seqs.length)
  }).pipe(
    Effect.provide(
      TestGateway.layer({
        runtimes: AgentRuntimes.add(talkative),
        runtime: "talkative",
        runs: { replyChars: 100_000_000 },
        limits: { outboxBytes: 100_000_000 },
      }),
    ),
  ),
)
