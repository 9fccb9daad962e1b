import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import { inOrder, type Unfinished } from "../../../src/transport/connection/Unfinished.ts"

const open = { isClosing: false }

describe("inOrder", () => {
  it("Values that need no wait are handled at once.", () => {
    const handled: Array<number> = []
    const unfinished = inOrder(open, [1, 2, 3], (value) => {
      handled.push(value)
      return undefined
    })
    expect(unfinished).toBeUndefined()
    expect(handled).toEqual([1, 2, 3])
  })

  it.effect("The values behind one that waits are handled after it, in their order.", () =>
    Effect.gen(function* () {
      const handled: Array<string> = []
      const unfinished = inOrder(open, [1, 2, 3, 4], (value): Unfinished => {
        handled.push(`${value} begins`)
        if (value % 2 === 1) return undefined
        return Effect.andThen(
          Effect.yieldNow,
          Effect.sync(() => void handled.push(`${value} ends`)),
        )
      })
      expect(handled).toEqual(["1 begins", "2 begins"])
      yield* unfinished!
      expect(handled).toEqual(["1 begins", "2 begins", "2 ends", "3 begins", "4 begins", "4 ends"])
    }),
  )

  it.effect("No value is handled after the connection closes.", () =>
    Effect.gen(function* () {
      for (const waits of [false, true]) {
        const peer = { isClosing: false }
        const handled: Array<number> = []
        const unfinished = inOrder(peer, [1, 2], (value) => {
          handled.push(value)
          peer.isClosing = true
          return waits ? Effect.yieldNow : undefined
        })
        yield* unfinished ?? Effect.void
        expect(handled, String(waits)).toEqual([1])
      }
    }),
  )
})
