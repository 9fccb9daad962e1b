import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { frameBytes, payloadBytes, textFrame } from "../../../src/transport/connection/WebSocketFrames.ts"
import { type Merge, Outbox } from "../../../src/transport/connection/Outbox.ts"

const joined: Merge<string> = {
  merge: (pending, next) => pending + next,
  render: (value) => value,
  bytes: (value) => Buffer.byteLength(value),
}

const Key = Schema.Literals(["a", "b"])

/** The operations on an outbox. Texts are single letters, so that the order in which they leave is readable. */
const Operation = Schema.Union([
  Schema.TaggedStruct("must", {}),
  Schema.TaggedStruct("shared", {}),
  Schema.TaggedStruct("urgent", {}),
  Schema.TaggedStruct("pong", {}),
  Schema.TaggedStruct("latest", { key: Key }),
  Schema.TaggedStruct("append", { key: Key }),
  Schema.TaggedStruct("take", { budget: Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 40 })) }),
])

const History = Schema.Array(Operation)

interface Taken {
  readonly text: string
  readonly seq: number | undefined
  readonly urgent: boolean
}

/** Carries a history out; each operation has the number of its step as its position and, in brackets, as its text. */
const run = (history: typeof History.Type) => {
  const outbox = new Outbox()
  const taken: Array<Taken> = []
  const take = (budget: number) => {
    for (const { body, seq } of outbox.take(budget)) {
      const text = typeof body === "string" ? body : String(body)
      taken.push({ text, seq, urgent: text.startsWith("!") })
    }
  }
  history.forEach((operation, step) => {
    const text = `[${step}]`
    if (operation._tag === "must") outbox.must(text, step)
    else if (operation._tag === "shared") outbox.shared(Buffer.from(text), 1, step)
    else if (operation._tag === "urgent") outbox.urgent(Buffer.from(`!${step}`))
    else if (operation._tag === "pong") outbox.pong(Buffer.from(`!${step}`))
    else if (operation._tag === "latest") outbox.latest(operation.key, text, step)
    else if (operation._tag === "append") outbox.append(operation.key, text, joined, step)
    else take(operation.budget)
  })
  const waiting = { bytes: outbox.bytes, frames: outbox.frames, firstSeq: outbox.firstSeq() }
  const before = taken.length
  take(Number.POSITIVE_INFINITY)
  return { outbox, taken, waiting, last: taken.slice(before) }
}

const steps = (taken: ReadonlyArray<Taken>) =>
  taken.flatMap(({ text }) => Array.from(text.matchAll(/\[(\d+)\]/g), ([, step]) => Number(step)))

const long = { arbitrary: { size: 60 } }

describe("Outbox", () => {
  it.prop(
    "Every must frame leaves once.",
    [History],
    ([history]) => {
      const sent = steps(run(history).taken)
      expect(new Set(sent).size).toBe(sent.length)
      history.forEach(({ _tag }, step) => {
        if (_tag === "must" || _tag === "shared" || _tag === "append") expect(sent).toContain(step)
      })
    },
    long,
  )

  it.prop(
    "Positions stay in order, however frames are replaced or merged.",
    [History],
    ([history]) => {
      const seqs = run(history).taken.flatMap(({ seq }) => seq ?? [])
      expect(seqs).toEqual(seqs.toSorted((a, b) => a - b))
    },
    long,
  )

  it.prop(
    "Appended values of a key stay in order, and do not cross must frames.",
    [History],
    ([history]) => {
      const sent = steps(run(history).taken)
      const place = (step: number) => sent.indexOf(step)
      const tags = history.map(({ _tag }) => _tag)
      history.forEach((operation, step) => {
        if (operation._tag !== "append") return
        tags.forEach((tag, other) => {
          if (tag === "must" || tag === "shared") expect(place(step) < place(other)).toBe(step < other)
        })
        history.forEach((later, other) => {
          if (later._tag === "append" && later.key === operation.key && other > step) {
            expect(place(step)).toBeLessThan(place(other))
          }
        })
      })
    },
    long,
  )

  it.prop(
    "Only the newest latest frame of each key leaves.",
    [History],
    ([history]) => {
      const sent = new Set(steps(run(history).taken))
      history.forEach((operation, step) => {
        if (operation._tag !== "latest") return
        const rest = history.slice(step + 1)
        const next = rest.findIndex((later) => later._tag === "latest" && later.key === operation.key)
        const taken = rest.findIndex((later) => later._tag === "take")
        const isReplaced = next !== -1 && (taken === -1 || next < taken)
        if (isReplaced) expect(sent).not.toContain(step)
        if (next === -1) expect(sent).toContain(step)
      })
    },
    long,
  )

  it.prop(
    "The outbox counts the waiting frames, bytes and the first position.",
    [History],
    ([history]) => {
      const { last, outbox, waiting } = run(history)
      expect(waiting.frames).toBe(last.length)
      // Shared and urgent ones are frames already and have no header added here.
      const bytes = last.reduce((sum, { text, urgent }) => {
        const step = Number(/\[(\d+)\]/.exec(text)?.[1] ?? -1)
        return sum + (urgent || history[step]?._tag === "shared" ? text.length : frameBytes(text.length))
      }, 0)
      expect(waiting.bytes).toBe(bytes)
      const seqs = last.flatMap(({ seq }) => seq ?? [])
      expect(waiting.firstSeq).toBe(seqs.length === 0 ? undefined : Math.min(...seqs))
      expect({ bytes: outbox.bytes, frames: outbox.frames, firstSeq: outbox.firstSeq() }).toEqual({
        bytes: 0,
        frames: 0,
        firstSeq: undefined,
      })
    },
    long,
  )

  it("A new pong replaces the waiting one in its place.", () => {
    const outbox = new Outbox()
    outbox.must("m")
    outbox.pong(Buffer.from("first"))
    outbox.urgent(Buffer.from("u"))
    outbox.pong(Buffer.from("second"))
    expect(outbox.take(Number.POSITIVE_INFINITY).map(({ body }) => String(body))).toEqual(["second", "u", "m"])
    outbox.pong(Buffer.from("third"))
    expect(outbox.take(Number.POSITIVE_INFINITY).map(({ body }) => String(body))).toEqual(["third"])
  })

  it("Urgent frames overtake all other frames, in their own order.", () => {
    const outbox = new Outbox()
    outbox.must("1")
    outbox.urgent(Buffer.from("a"))
    outbox.must("2")
    outbox.urgent(Buffer.from("b"))
    expect(outbox.take(1_000).map(({ body }) => String(body))).toEqual(["a", "b", "1", "2"])
  })

  it("`take` returns no more bytes than the budget, and at least one frame.", () => {
    const outbox = new Outbox()
    for (const text of ["x".repeat(98), "y".repeat(98), "z".repeat(500)]) outbox.must(text)
    expect(outbox.take(150).map(({ body }) => String(body)[0])).toEqual(["x"])
    expect(outbox.take(10).map(({ body }) => String(body)[0])).toEqual(["y"])
    expect(outbox.take(10).map(({ body }) => String(body)[0])).toEqual(["z"])
    expect(outbox.take(10)).toEqual([])
  })

  it("Outboxes that hold a shared frame share one buffer.", () => {
    const frame = textFrame("to all")
    const outboxes = [new Outbox(), new Outbox()]
    for (const outbox of outboxes) outbox.shared(frame, 1)
    for (const outbox of outboxes) expect(outbox.take(1_000)[0]!.body).toBe(frame)
  })
})

describe("WebSocketFrames", () => {
  it("The lengths of frame and payload follow from each other at every border.", () => {
    for (const length of [0, 1, 125, 126, 127, 65_535, 65_536, 65_540, 1_000_000]) {
      expect(payloadBytes(frameBytes(length))).toBe(length)
    }
  })
})
