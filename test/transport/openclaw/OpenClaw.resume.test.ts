/** A client that was away says where it stood, and is told what it missed, in order and once, before what happens. */
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

/** The frame that tells the message: the first of them, as an assistant's is told as chat, too. */
const numberOf = ({ event, payload }: Frame): number | undefined => {
  if (event !== "session.message") return undefined
  const [, n] = /n(\d+)/.exec(JSON.stringify(payload.message)) ?? []
  return n === undefined ? undefined : Number(n)
}

/** Events up to the message; those numbers that came, and the last position. */
const hearUntil = Effect.fnUntraced(function* (client: OpenClawClient, last: number) {
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

describe("a client that resumes", () => {
  it.layer(
    TestGateway.layer(),
    real,
  )((it) => {
    it.effect("hears what it missed of all that it had subscribed to, once and in order, wherever it was cut off", () =>
      Effect.gen(function* () {
        const { client: writer, hello } = yield* enter()
        const { epoch } = hello.position
        let position: Position = hello.position
        const heard: Array<number> = []
        const total = 120
        for (let written = 0; written < total;) {
          const { client, hello } = yield* enter(back(position))
          expect(hello.resume).toEqual({ resumed: true })
          // It hears the first of them as they are written, and is gone before the last.
          const count = Math.min(total - written, 10 + (written % 7))
          const writing = yield* Effect.forkChild(inject(writer, written, count))
          written += count
          const { numbers, positions } = yield* hearUntil(client, written - 1 - (written % 4))
          client.socket.cut()
          heard.push(...numbers)
          expect(positions).toEqual(positions.toSorted((a, b) => a - b))
          position = { epoch, seq: positions.at(-1)! }
          yield* Fiber.join(writing)
        }
        const { client } = yield* enter(back(position))
        if (heard.at(-1) !== total - 1) heard.push(...(yield* hearUntil(client, total - 1)).numbers)
        expect(heard).toEqual(Array.from({ length: total }, (_, i) => i))
      }),
    )

    it.effect("hears how a run that it left ended", () =>
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

    it.effect("is told positions only if it asked, as others drop frames that say more than they know", () =>
      Effect.gen(function* () {
        const { client: writer } = yield* enter()
        const { client: plain } = yield* enter()
        const { client: placed } = yield* enter({ resume: true })
        for (const client of [plain, placed]) yield* client.ask("sessions.subscribe")
        yield* inject(writer, 1_000, 1)
        const isMessage = (text: string) => {
          const frame = JSON.parse(text) as Frame
          return numberOf(frame) === 1_000 ? frame : undefined
        }
        expect(Object.keys(yield* plain.socket.find(isMessage))).toEqual(["type", "seq", "event", "payload"])
        expect((yield* placed.socket.find(isMessage)).position).toEqual(expect.any(Number))
      }),
    )

    it.effect("is told why, where it cannot, and hears what happens from now on", () =>
      Effect.gen(function* () {
        const { client: writer, hello } = yield* enter()
        const { epoch, seq } = hello.position
        for (const [position, reason] of [
          [{ epoch: "another", seq }, "epoch"],
          [{ epoch, seq: seq + 1_000_000 }, "future"],
        ] as const) {
          const { client, hello } = yield* enter(back(position))
          expect(hello.resume).toEqual({ resumed: false, reason })
          yield* inject(writer, 2_000, 1)
          expect((yield* hearUntil(client, 2_000)).numbers).toEqual([2_000])
          client.socket.cut()
        }
      }),
    )
  })

  it.layer(
    TestGateway.layer({ events: { retainRows: 10 } }),
    real,
  )((it) => {
    it.effect("is told so where what it missed is no longer kept", () =>
      Effect.gen(function* () {
        const { client, hello } = yield* enter()
        yield* inject(client, 0, 60)
        expect((yield* enter(back(hello.position))).hello.resume).toEqual({ resumed: false, reason: "retention" })
      }),
    )
  })
})
