import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import { RpcStream } from "../../../src/transport/rpc/RpcStream.ts"

/** A peer that records the chunks. */
const recorder = () => {
  const chunks: Array<{ readonly seq: number | undefined; readonly values: ReadonlyArray<unknown> }> = []
  const peer = {
    send: (text: string, seq?: number) => {
      expect(JSON.parse(text)).toMatchObject({ _tag: "Chunk", requestId: 7 })
      chunks.push({ seq, values: JSON.parse(text).values })
    },
    takeToken: () => 0,
    awaitWritable: () => Effect.void,
    awaitDrain: () => undefined,
  }
  return { chunks, stream: new RpcStream(peer, 7) }
}

describe("RpcStream", () => {
  it.effect("One chunk is under way until the client acknowledges it.", () =>
    Effect.gen(function* () {
      const { chunks, stream } = recorder()
      const both = Effect.andThen(
        stream.send([{ seq: 1 }, { seq: 2 }]),
        Effect.suspend(() => stream.send([{ seq: 3 }])),
      )
      const sending = yield* Effect.forkChild(both, { startImmediately: true })
      expect(chunks).toEqual([{ seq: 1, values: [{ seq: 1 }, { seq: 2 }] }])
      expect(stream.sentSeq()).toBe(2)
      stream.acknowledged()
      expect(chunks.at(-1)).toEqual({ seq: 3, values: [{ seq: 3 }] })
      expect(sending.pollUnsafe()).toBeUndefined()
      stream.acknowledged()
      yield* Fiber.join(sending)
    }),
  )

  it.effect("A chunk above 256 KiB leaves in parts, in the order of its values.", () =>
    Effect.gen(function* () {
      const { chunks, stream } = recorder()
      const values = Array.from({ length: 10 }, (_, seq) => ({ seq, text: "x".repeat(100_000) }))
      const sending = yield* Effect.forkChild(stream.send(values), { startImmediately: true })
      expect(chunks.length).toBeGreaterThan(3)
      expect(chunks.flatMap((chunk) => chunk.values)).toEqual(values)
      stream.acknowledged()
      yield* Fiber.join(sending)
    }),
  )
})
