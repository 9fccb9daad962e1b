import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Pull from "effect/Pull"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { GatewayEvent, Positioned } from "../../../src/domain/Event.ts"
import { RunSubscription, type RunItem } from "../../../src/services/runs/RunSubscription.ts"

const ofRun = { sessionKey: "s", runId: "r", agentId: "main" }

/** A run that pushes its events to the subscription and keeps its whole text. */
const runOf = (subscription: RunSubscription) => {
  let seq = 0
  let text = ""
  const push = (event: GatewayEvent) => {
    const item: Positioned = { _tag: "Event", seq: ++seq, at: 0, event }
    subscription.push(item, () => ({ _tag: "RunText", seq, ...ofRun, text, thinking: "" }))
  }
  return {
    say: (word: string) => {
      text += word
      push({ _tag: "TextDelta", ...ofRun, text: word })
    },
    tool: (callId: string) => push({ _tag: "ToolStarted", ...ofRun, callId, name: "t", input: "" }),
    end: () => push({ _tag: "RunEnded", ...ofRun, outcome: "done" }),
    text: () => text,
  }
}

/** Returns the content that a client has at the end: the text from deltas and snapshots, and the other events. */
const received = (items: ReadonlyArray<RunItem>) => {
  let text = ""
  const others: Array<string> = []
  for (const item of items) {
    if (item._tag === "RunText") text = item.text
    else if (item.event._tag === "TextDelta") text += item.event.text
    else if (item.event._tag === "ToolStarted") others.push(item.event.callId)
    else others.push(item.event._tag)
  }
  return { text, others }
}

describe("RunSubscription", () => {
  it.effect("The items have the order of the events and end with RunEnded.", () =>
    Effect.gen(function* () {
      const subscription = new RunSubscription(undefined)
      const { end, say, tool } = runOf(subscription)
      say("a")
      tool("1")
      say("b")
      end()
      const items = yield* Stream.runCollect(subscription.items)
      expect(items.map((item) => item._tag === "Event" && item.event._tag)).toEqual([
        "TextDelta",
        "ToolStarted",
        "TextDelta",
        "RunEnded",
      ])
    }),
  )

  it.effect("A reader that does not read costs a bounded number of deltas and loses no content.", () =>
    Effect.gen(function* () {
      const subscription = new RunSubscription(undefined)
      const { end, say, text, tool } = runOf(subscription)
      for (let n = 0; n < 10_000; n++) {
        say(`${n} `)
        if (n % 1_000 === 0) tool(String(n))
      }
      end()
      const items = yield* Stream.runCollect(subscription.items)
      expect(items.length).toBeLessThan(300)
      expect(received(items)).toEqual({
        text: text(),
        others: [...Array.from({ length: 10 }, (_, n) => String(n * 1_000)), "RunEnded"],
      })
    }),
  )

  it.effect("The first item is the partial output of an open run.", () =>
    Effect.gen(function* () {
      const soFar = { _tag: "RunText", seq: 7, ...ofRun, text: "so far", thinking: "" } as const
      const subscription = new RunSubscription(soFar)
      const { end } = runOf(subscription)
      end()
      expect((yield* Stream.runCollect(subscription.items))[0]).toEqual(soFar)
    }),
  )

  const Step = Schema.Literals(["burst", "word", "tool", "read", "read"])
  it.effect.prop(
    "Every reader gets the same text and the same other events, at any speed.",
    [Schema.Array(Step)],
    ([steps]) =>
      Effect.gen(function* () {
        const subscription = new RunSubscription(undefined)
        const { end, say, text, tool } = runOf(subscription)
        const pull = yield* Stream.toPull(subscription.items)
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
          if (step === "read" && !subscription.isEmpty) items.push(...(yield* pull))
        }
        end()
        for (;;) {
          const more = yield* Pull.catchDone(Effect.asSome(pull), () => Effect.succeedNone)
          if (Option.isNone(more)) break
          items.push(...more.value)
        }
        expect(received(items)).toEqual({ text: text(), others: [...tools, "RunEnded"] })
        for (const item of items) {
          expect(item.seq).toBeGreaterThan(seq)
          seq = item.seq
        }
      }),
    { arbitrary: { size: 30 } },
  )
})
