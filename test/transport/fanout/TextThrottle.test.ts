import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { GatewayEvent, Positioned } from "../../../src/domain/Event.ts"
import type { ThrottledText } from "../../../src/transport/dialect/Dialect.ts"
import { TextThrottle } from "../../../src/transport/fanout/TextThrottle.ts"

const EVERY = 100

const ofRun = (runId: string) => ({ runId, sessionKey: "s", agentId: "a" })

/** An event of one of two runs. `after`: milliseconds since the event before. */
const Step = Schema.Struct({
  run: Schema.Literals(["r1", "r2"]),
  kind: Schema.Literals(["text", "text", "thinking", "tool", "nothing"]),
  text: Schema.String,
  after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 70 })),
})

const eventOf = ({ kind, run, text }: typeof Step.Type): GatewayEvent | undefined => {
  switch (kind) {
    case "text":
      return { _tag: "TextDelta", ...ofRun(run), text }
    case "thinking":
      return { _tag: "ThinkingDelta", ...ofRun(run), text }
    case "tool":
      return { _tag: "ToolUpdated", ...ofRun(run), callId: "c", text }
    case "nothing":
      return undefined
  }
}

/** Feeds a throttle with events and checks the texts that it publishes. */
class Checker {
  readonly throttle = new TextThrottle(EVERY)
  readonly #outputs = new Map<string, { text: string; thinking: string }>()
  readonly #published = new Map<string, { text: string; thinking: string; at: number }>()
  now = 0
  seq = 0

  #outputOf(run: string) {
    return this.#outputs.get(run) ?? this.#outputs.set(run, { text: "", thinking: "" }).get(run)!
  }

  /** `isThrottled`: no other event of the run brought the text along. */
  #receive(text: ThrottledText, isThrottled: boolean): void {
    const before = this.#published.get(text.runId) ?? { text: "", thinking: "", at: Number.NEGATIVE_INFINITY }
    expect(text.text).toBe(before.text + text.newText)
    expect(text.thinking).toBe(before.thinking + text.newThinking)
    if (isThrottled) expect(this.now - before.at).toBeGreaterThanOrEqual(EVERY)
    this.#published.set(text.runId, { text: text.text, thinking: text.thinking, at: this.now })
  }

  push(event: GatewayEvent): void {
    const item: Positioned = { _tag: "Event", seq: ++this.seq, at: this.now, event }
    if (event._tag === "TextDelta") this.#outputOf(event.runId).text += event.text
    if (event._tag === "ThinkingDelta") this.#outputOf(event.runId).thinking += event.text
    const isDelta = event._tag === "TextDelta" || event._tag === "ThinkingDelta"
    const text = this.throttle.push(item, this.now)
    if (text !== undefined) this.#receive(text, isDelta)
    if (!isDelta && "runId" in event) this.expectPublished(event.runId)
  }

  expectPublished(run: string): void {
    const { text, thinking } = this.#outputOf(run)
    const { text: publishedText, thinking: publishedThinking } = this.#published.get(run) ?? { text: "", thinking: "" }
    expect({ text: publishedText, thinking: publishedThinking }).toEqual({ text, thinking })
  }

  /** Moves the time and publishes each text when it is due. */
  advance(until: number): void {
    for (let next = this.throttle.next(); next !== undefined && next <= until; next = this.throttle.next()) {
      this.now = Math.max(this.now, next)
      const due = this.throttle.due(this.now)
      expect(due.length).toBeGreaterThan(0)
      for (const text of due) this.#receive(text, true)
    }
    this.now = until
  }
}

describe("TextThrottle", () => {
  it.prop(
    "Texts are whole and in order, at most once in the interval, and before any other event of their run.",
    [Schema.Array(Step)],
    ([steps]) => {
      const checker = new Checker()
      for (const run of ["r1", "r2"]) checker.push({ _tag: "RunStarted", ...ofRun(run), attempt: 1 })
      for (const step of steps) {
        checker.advance(checker.now + step.after)
        const event = eventOf(step)
        if (event !== undefined) checker.push(event)
      }
      checker.advance(checker.now + EVERY)
      for (const run of ["r1", "r2"]) checker.expectPublished(run)
      for (const run of ["r1", "r2"]) checker.push({ _tag: "RunEnded", ...ofRun(run), outcome: "done" })
      expect(checker.throttle.next()).toBeUndefined()
    },
    { arbitrary: { runs: 300, size: 60 } },
  )

  it("A new attempt of a run begins with an empty text.", () => {
    const throttle = new TextThrottle(EVERY)
    const item = (event: GatewayEvent): Positioned => ({ _tag: "Event", seq: 1, at: 0, event })
    throttle.push(item({ _tag: "RunStarted", ...ofRun("r"), attempt: 1 }), 0)
    expect(throttle.push(item({ _tag: "TextDelta", ...ofRun("r"), text: "half" }), 0)).toMatchObject({ text: "half" })
    throttle.push(item({ _tag: "RunStarted", ...ofRun("r"), attempt: 2 }), 1)
    expect(throttle.push(item({ _tag: "TextDelta", ...ofRun("r"), text: "whole" }), 2)).toMatchObject({
      text: "whole",
      newText: "whole",
    })
  })

  it("A million deltas publish one text for each interval.", () => {
    const throttle = new TextThrottle(EVERY)
    const deltas = 1_000_000
    let published = 0
    for (let i = 0; i < deltas; i++) {
      const event: GatewayEvent = { _tag: "TextDelta", ...ofRun("r"), text: "word " }
      if (throttle.push({ _tag: "Event", seq: i, at: 0, event }, i / 1_000) !== undefined) published++
    }
    expect(published).toBe(Math.ceil(deltas / 1_000 / EVERY))
  })
})
