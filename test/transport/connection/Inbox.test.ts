import { describe, expect, it } from "@effect/vitest"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { Limits } from "../../../src/domain/Limits.ts"
import { Inbox } from "../../../src/transport/connection/Inbox.ts"
import { LoopBatch } from "../../../src/transport/connection/LoopBatch.ts"

const makeInbox = Effect.gen(function* () {
  const limits = yield* Schema.decodeEffect(Limits)({})
  return yield* Inbox.make(limits, { pause: () => {}, resume: () => {} }, new LoopBatch(yield* Clock.Clock))
})

const offer = (inbox: Inbox, count: number) => {
  for (let n = 0; n < count; n++) expect(inbox.offer(Buffer.from(String(n)))).toBe(true)
}

describe("Inbox", () => {
  it.effect("A client that sends faster than the gateway handles gets smaller batches until its queue is empty.", () =>
    Effect.gen(function* () {
      const inbox = yield* makeInbox
      offer(inbox, 100)
      expect([inbox.take().length, inbox.take().length, inbox.take().length, inbox.take().length]).toEqual([
        64, 16, 16, 4,
      ])
      offer(inbox, 64)
      expect(inbox.take().length).toBe(64)
    }),
  )

  it.effect("A client whose paused socket holds more frames gets small batches, too.", () =>
    Effect.gen(function* () {
      const limits = yield* Schema.decodeEffect(Limits)({})
      let held = 1_000
      const source = {
        pause: () => {},
        resume: () => {
          while (held > 0 && !inbox.isPaused) inbox.offer(Buffer.from(String(held--)))
        },
      }
      const inbox: Inbox = yield* Inbox.make(limits, source, new LoopBatch(yield* Clock.Clock))
      source.resume()
      expect(held).toBe(1_000 - limits.inboundFrames)
      const batches = Array.from({ length: 10 }, () => inbox.take().length)
      expect(batches).toEqual([64, 16, 16, 16, 16, 16, 16, 16, 16, 16])
    }),
  )

  it.effect("A client that waits for the answers to 64 calls gets all of them in each batch.", () =>
    Effect.gen(function* () {
      const inbox = yield* makeInbox
      for (let n = 0; n < 3; n++) {
        offer(inbox, 64)
        expect(inbox.take().length).toBe(64)
      }
    }),
  )
})
