/** OpenClaw: resuming. A client that gives its position gets the events that it missed, in order and once. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import type { Position } from "../../../src/domain/Event.ts"
import { enter, type Frame, type OpenClawClient } from "../../support/OpenClawClient.ts"
import * as TestGateway from "../../support/TestGateway.ts"

const KEY = "agent:main:main"
const real = { excludeTestServices: true } as const

/** Messages of one session, numbered in their text. */
const inject = (client: OpenClawClient, from: number, count: number) =>
  Effect.forEach(
    Array.from({ length: count }, (_, i) => from + i),
    (n) => client.ask("chat.inject", { sessionKey: KEY, message: `n${n}` }),
  )

/** Returns the number in a `session.message`. The chat event of the same message does not count. */
const numberOf = ({ event, payload }: Frame): number | undefined => {
  if (event !== "session.message") return undefined
  const [, n] = /n(\d+)/.exec(JSON.stringify(payload.message)) ?? []
  return n === undefined ? undefined : Number(n)
}

/** Reads events up to the message `last`. Returns the numbers and the positions of the events. */
const readUntil = Effect.fnUntraced(function* (client: OpenClawClient, last: number) {
  const numbers: Array<number> = []
  const positions: Array<number> = []
  while (numbers.at(-1) !== last) {
    const frame = yield* client.next
    if (frame.type !== "event") continue
    if (frame.position !== undefined) positions.push(frame.position)
    const n = numberOf(frame)
    if (n !== undefined) numbers.push(n)
  }
  return { numbers, positions }
})

const back = ({ epoch, seq }: Position) => ({ resume: { epoch, seq, sessions: true } })

describe("Resuming OpenClaw clients", () => {
  it.layer(
    TestGateway.layer(),
    real,
  )((it) => {
    it.effect("A client that is cut off at any point gets the missed events once and in order.", () =>
      Effect.gen(function* () {
        const { client: writer, hello } = yield* enter()
        const { epoch } = hello.position
        let position: Position = hello.position
        const numbers: Array<number> = []
        const total = 120
        for (let written = 0; written < total;) {
          const { client, hello } = yield* enter(back(position))
          expect(hello.resume).toEqual({ resumed: true })
          // The client gets the first messages while they are written, and leaves before the last.
          const count = Math.min(total - written, 10 + (written % 7))
          const writing = yield* Effect.forkChild(inject(writer, written, count))
          written += count
          const { numbers: read, positions } = yield* readUntil(client, written - 1 - (written % 4))
          client.socket.cut()
          numbers.push(...read)
          expect(positions).toEqual(positions.toSorted((a, b) => a - b))
          position = { epoch, seq: positions.at(-1)! }
          yield* Fiber.join(writing)
        }
        const { client } = yield* enter(back(position))
        if (numbers.at(-1) !== total - 1) numbers.push(...(yield* readUntil(client, total - 1)).numbers)
        expect(numbers).toEqual(Array.from({ length: total }, (_, i) => i))
      }),
    )

    it.effect("A client gets the end of a run that ended while it was away.", () =>
      Effect.gen(function* () {
        const { client, hello } = yield* enter({ resume: true })
        yield* client.ask("chat.send", { sessionKey: KEY, message: "/slow 100 a b c", idempotencyKey: "r1" })
        const seq = yield* client.socket.find((text) => (JSON.parse(text) as Frame).position)
        client.socket.cut()
        const { client: other } = yield* enter()
        yield* other.ask("agent.wait", { runId: "r1", timeoutMs: 10_000 })
        const again = yield* enter({ resume: { epoch: hello.position.epoch, seq } })
        const final = yield* again.client.socket.find((text) => {
          const frame = JSON.parse(text) as Frame
          return frame.event === "chat" && frame.payload.state === "final" ? frame : undefined
        })
        expect(final.payload).toMatchObject({ runId: "r1", message: { content: [{ text: "echo: a b c" }] } })
      }),
    )

    it.effect("Only clients that request positions get them, because others drop frames with unknown members.", () =>
      Effect.gen(function* () {
        const { client: writer } = yield* enter()
        const { client: plain } = yield* enter()
        const { client: resuming } = yield* enter({ resume: true })
        for (const client of [plain, resuming]) yield* client.ask("sessions.subscribe")
        yield* inject(writer, 1_000, 1)
        const isMessage = (text: string) => {
          const frame = JSON.parse(text) as Frame
          return numberOf(frame) === 1_000 ? frame : undefined
        }
        expect(Object.keys(yield* plain.socket.find(isMessage))).toEqual(["type", "seq", "event", "payload"])
        expect((yield* resuming.socket.find(isMessage)).position).toEqual(expect.any(Number))
      }),
    )

    it.effect("A client that cannot resume learns the reason and gets new events.", () =>
      Effect.gen(function* () {
        const { client: writer, hello } = yield* enter()
        const { epoch, seq } = hello.position
        for (const [position, reason] of [
          [{ epoch: "another", seq }, "epoch"],
          [{ epoch, seq: seq + 1_000_000_000 }, "future"],
        ] as const) {
          const { client, hello } = yield* enter(back(position))
          expect(hello.resume).toEqual({ resumed: false, reason })
          yield* inject(writer, 2_000, 1)
          expect((yield* readUntil(client, 2_000)).numbers).toEqual([2_000])
          client.socket.cut()
        }
      }),
    )
  })

  it.layer(
    TestGateway.layer({ events: { retainRows: 10 } }),
    real,
  )((it) => {
    it.effect("A client whose missed events are gone learns that retention removed them.", () =>
      Effect.gen(function* () {
        const { client, hello } = yield* enter()
        yield* inject(client, 0, 60)
        expect((yield* enter(back(hello.position))).hello.resume).toEqual({ resumed: false, reason: "retention" })
      }),
    )
  })
})
