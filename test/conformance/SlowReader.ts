/** A client that does not read costs its bound and nothing else, and can go on where it stood. */
import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { Events } from "../../src/services/events/Events.ts"
import { Runs } from "../../src/services/runs/Runs.ts"
import * as TestGateway from "../support/TestGateway.ts"
import type { Driver } from "./Driver.ts"
import { alike } from "./Events.ts"
import { open } from "./Talk.ts"

const OUTBOX_BYTES = 262_144

const SAID = 150

/** Long texts fill what the kernel holds for a socket; lists show 200 characters of them, so there are many. */
const TEXT = "x".repeat(200_000)

export const slowReader = (driver: Driver): void => {
  describe(`${driver.name}: a slow reader`, () => {
    const gateway = TestGateway.layer({ ...driver.gateway, limits: { outboxBytes: OUTBOX_BYTES } })
    it.layer(gateway, { excludeTestServices: true })((it) => {
      it.effect("is closed with the position to resume from, and resumes without a gap", () =>
        Effect.gen(function* () {
          const { head } = yield* Events
          const runs = yield* Runs
          const steady = yield* open(driver)
          yield* steady.follow()
          const slow = yield* open(driver)
          yield* slow.follow()
          const { epoch, seq: start } = head()
          slow.socket.stopReading()
          const all: Array<number> = []
          const say = Effect.suspend(() => runs.inject({ sessionKey: `slow-${head().seq}`, text: TEXT, role: "user" }))
          // More than the outbox and the kernel's buffers hold.
          for (let i = 0; i < SAID; i++) {
            yield* say
            const last = head().seq
            all.push(...(yield* steady.toldUntil((seq) => seq >= last - 1)))
          }
          slow.socket.goOnReading()
          const seen: Array<number> = []
          const { code, reason } = yield* slow.socket.closed
          expect(code).toBe(4008)
          for (const said of slow.socket.rest.flatMap((frame) => driver.read(frame))) {
            if (said._tag === "Told") seen.push(said.seq)
          }
          const [, at, seq] = /^too slow: resume from ([^:]+):(\d+)$/.exec(reason) ?? []
          expect(at).toBe(epoch)
          expect(Math.max(start, ...seen)).toBeLessThanOrEqual(Number(seq))
          const again = yield* open(driver)
          seen.push(...(yield* again.follow({ epoch, seq: Number(seq) })))
          const [mine, others] = alike(seen, all)
          expect(mine).toEqual(others)
          expect(mine.length).toBeGreaterThanOrEqual(SAID)
        }),
      )
    })
  })
}
