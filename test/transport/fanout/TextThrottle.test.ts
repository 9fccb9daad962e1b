/**
 * Pacing: however deltas fall, a run's text is told whole, in order, seldom enough and never late.
 */
import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import type { GatewayEvent, Positioned } from "../../../src/domain/Event.ts"
import type { ThrottledText } from "../../../src/transport/dialect/Dialect.ts"
import { TextThrottle } from "../../../src/transport/fanout/TextThrottle.ts"

const EVERY = 100

const ofRun = (runId: string) => ({ runId, sessionKey: "s", agentId: "a" })

/** What happens in one of two runs, and how long after what happened before. */
const Step = Schema.Struct({
  run: Schema.Literals(["r1", "r2"]),
  what: Schema.Literals(["text", "text", "thinking", "tool", "nothing"]),
  text: Schema.String,
  after: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 70 })),
})

const eventOf = ({ run, text, what }: typeof Step.Type): GatewayEvent | undefined => {
  switch (what) {
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

class Audience {
  readonly pacing = new TextThrottle(EVERY)
  readonly said = new Map<string, { text: string; thinking: string }>()
  readonly told = new Map<string, { text: string; thinking: string; at: number }>()
  now = 0
  seq = 0

  of(run: string) {
    return this.said.get(run) ?? this.said.set(run, { text: "", thinking: "" }).get(run)!
  }

  /** `unasked`: nothing but time has brought it forth. */
  hear(told: ThrottledText, unasked: boolean): void {
    const before = this.told.get(told.runId) ?? { text: "", thinking: "", at: Number.NEGATIVE_INFINITY }
    expect(told.text).toBe(before.text + told.newText)
    expect(told.thinking).toBe(before.thinking + told.newThinking)
    if (unasked) expect(this.now - before.at).toBeGreaterThanOrEqual(EVERY)
    this.told.set(told.runId, { text: told.text, thinking: told.thinking, at: this.now })
  }

  happens(event: GatewayEvent): void {
    const item: Positioned = { _tag: "Event", seq: ++this.seq, at: this.now, event }
    if (event._tag === "TextDelta") this.of(event.runId).text += event.text
    if (event._tag === "ThinkingDelta") this.of(event.runId).thinking += event.text
    const isDelta = event._tag === "TextDelta" || event._tag === "ThinkingDelta"
    const told = this.pacing.push(item, this.now)
    if (told !== undefined) this.hear(told, isDelta)
    if (!isDelta && "runId" in event) this.isTold(event.runId)
  }

  isTold(run: string): void {
    const { text, thinking } = this.of(run)
    const { text: toldText, thinking: toldThinking } = this.told.get(run) ?? { text: "", thinking: "" }
    expect({ text: toldText, thinking: toldThinking }).toEqual({ text, thinking })
  }

  /** Time passes, and what is due is told when it is. */
  pass(until: number): void {
    for (let next = this.pacing.next(); next !== undefined && next <= until; next = this.pacing.next()) {
      this.now = Math.max(this.now, next)
      const due = this.pacing.due(this.now)
      expect(due.length).toBeGreaterThan(0)
      for (const told of due) this.hear(told, true)
    }
    this.now = until
  }
}

describe("the text of runs", () => {
  it.prop(
    "is told whole and in order, at most once in the interval, and before anything else of its run",
    [Schema.Array(Step)],
    ([steps]) => {
      const audience = new Audience()
      for (const run of ["r1", "r2"]) audience.happens({ _tag: "RunStarted", ...ofRun(run), attempt: 1 })
      for (const step of steps) {
        audience.pass(audience.now + step.after)
        const event = eventOf(step)
        if (event !== undefined) audience.happens(event)
      }
      audience.pass(audience.now + EVERY)
      for (const run of ["r1", "r2"]) audience.isTold(run)
      for (const run of ["r1", "r2"]) audience.happens({ _tag: "RunEnded", ...ofRun(run), outcome: "done" })
      expect(audience.pacing.next()).toBeUndefined()
    },
    { arbitrary: { runs: 300, size: 60 } },
  )

  it("begins anew where a run does", () => {
    const pacing = new TextThrottle(EVERY)
    const item = (event: GatewayEvent): Positioned => ({ _tag: "Event", seq: 1, at: 0, event })
    pacing.push(item({ _tag: "RunStarted", ...ofRun("r"), attempt: 1 }), 0)
    expect(pacing.push(item({ _tag: "TextDelta", ...ofRun("r"), text: "half" }), 0)).toMatchObject({ text: "half" })
    pacing.push(item({ _tag: "RunStarted", ...ofRun("r"), attempt: 2 }), 1)
    expect(pacing.push(item({ _tag: "TextDelta", ...ofRun("r"), text: "whole" }), 2)).toMatchObject({
      text: "whole",
      newText: "whole",
    })
  })

  it("of a million deltas is told as often as there is time, not as often as there are deltas", () => {
    const pacing = new TextThrottle(EVERY)
    const deltas = 1_000_000
    let told = 0
    for (let i = 0; i < deltas; i++) {
      const event: GatewayEvent = { _tag: "TextDelta", ...ofRun("r"), text: "word " }
      if (pacing.push({ _tag: "Event", seq: i, at: 0, event }, i / 1_000) !== undefined) told++
    }
    expect(told).toBe(Math.ceil(deltas / 1_000 / EVERY))
  })
})
