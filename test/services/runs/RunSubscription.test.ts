import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { GatewayEvent, Positioned } from "../../../src/domain/Event.ts"
import { RunSubscription, type RunItem } from "../../../src/services/runs/RunSubscription.ts"

const ofRun = { sessionKey: "s", runId: "r", agentId: "main" }

/** A run that is told to its follower, and all that it has said. */
const teller = (follower: RunSubscription) => {
  let seq = 0
  let text = ""
  const tell = (event: GatewayEvent) => {
    const item: Positioned = { _tag: "Event", seq: ++seq, at: 0, event }
    follower.tell(item, () => ({ _tag: "RunText", seq, ...ofRun, text, thinking: "" }))
  }
  return {
    say: (word: string) => {
      text += word
      tell({ _tag: "TextDelta", ...ofRun, text: word })
    },
    tool: (callId: string) => tell({ _tag: "ToolStarted", ...ofRun, callId, name: "t", input: "" }),
    end: () => tell({ _tag: "RunEnded", ...ofRun, outcome: "done" }),
    text: () => text,
  }
}

/** What a client holds in the end: the text built from deltas and replacements, and everything that happened. */
const heard = (items: ReadonlyArray<RunItem>) => {
  let text = ""
  const happened: Array<string> = []
  for (const item of items) {
    if (item._tag === "RunText") text = item.text
    else if (item.event._tag === "TextDelta") text += item.event.text
    else if (item.event._tag === "ToolStarted") happened.push(item.event.callId)
    else happened.push(item.event._tag)
  }
  return { text, happened }
}

describe("following a run", () => {
  it.effect("gives its events in order, and ends with it", () =>
    Effect.gen(function* () {
      const follower = new RunSubscription(undefined)
      const { end, say, tool } = teller(follower)
      say("a")
      tool("1")
      say("b")
      end()
      const items = yield* Stream.runCollect(follower.items)
      expect(items.map((item) => item._tag === "Event" && item.event._tag)).toEqual([
        "TextDelta",
        "ToolStarted",
        "TextDelta",
        "RunEnded",
      ])
    }),
  )

  it.effect("holds a bounded number of deltas for who does not read, and loses nothing that happened", () =>
    Effect.gen(function* () {
      const follower = new RunSubscription(undefined)
      const { end, say, text, tool } = teller(follower)
      for (let n = 0; n < 10_000; n++) {
        say(`${n} `)
        if (n % 1_000 === 0) tool(String(n))
      }
      end()
      const items = yield* Stream.runCollect(follower.items)
      expect(items.length).toBeLessThan(300)
      expect(heard(items)).toEqual({
        text: text(),
        happened: [...Array.from({ length: 10 }, (_, n) => String(n * 1_000)), "RunEnded"],
      })
    }),
  )

  it.effect("begins with what an open run has said", () =>
    Effect.gen(function* () {
      const soFar = { _tag: "RunText", seq: 7, ...ofRun, text: "so far", thinking: "" } as const
      const follower = new RunSubscription(soFar)
      const { end } = teller(follower)
      end()
      expect((yield* Stream.runCollect(follower.items))[0]).toEqual(soFar)
    }),
  )

  const Step = Schema.Literals(["burst", "word", "tool", "read", "read"])
  it.effect.prop(
    "gives the same text and the same happenings to every reader, however slow",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.gen(function* () {
        const follower = new RunSubscription(undefined)
        const { end, say, text, tool } = teller(follower)
        const pull = yield* Stream.toPull(follower.items)
        const items: Array<RunItem> = []
        const tools: Array<string> = []
        let seq = 0
        for (const [index, step] of steps.entries()) {
          if (step === "word") say(`${index} `)
          if (step === "burst") for (let n = 0; n < 300; n++) say(`${index}.${n} `)
          if (step === "tool") {
            tools.push(String(index))
            tool(String(index))
          }
          if (step === "read" && !follower.isEmpty) items.push(...(yield* pull))
        }
        end()
        for (;;) {
          const more = yield* Pull.catchDone(Effect.asSome(pull), () => Effect.succeedNone)
          if (Option.isNone(more)) break
          items.push(...more.value)
        }
        expect(heard(items)).toEqual({ text: text(), happened: [...tools, "RunEnded"] })
        for (const item of items) {
          expect(item.seq).toBeGreaterThan(seq)
          seq = item.seq
        }
      }),
    { arbitrary: { size: 30 } },
  )
})
