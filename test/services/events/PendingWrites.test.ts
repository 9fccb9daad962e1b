import { describe, expect, it } from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import type { LiveEvent } from "../../../src/domain/Event.ts"
import { type PendingCommit, PendingWrites } from "../../../src/services/events/PendingWrites.ts"

const RUNS = ["a", "b"] as const

const commit = (): PendingCommit => ({
  _tag: "Commit",
  pending: { name: "test", key: undefined, work: Effect.succeed([undefined, []]) },
  settle: () => {},
  isCancelled: false,
})

const delta = (runId: string, text: string, _tag: "TextDelta" | "ThinkingDelta" = "TextDelta"): LiveEvent => ({
  _tag,
  sessionKey: runId,
  runId,
  agentId: "main",
  text,
})

const update = (runId: string, text: string): LiveEvent => ({
  _tag: "ToolUpdated",
  sessionKey: runId,
  runId,
  agentId: "main",
  callId: "call",
  text,
})

const Steps = Schema.Array(
  Schema.Union([
    Schema.Literal("commit"),
    Schema.Struct({
      runId: Schema.Literals(RUNS),
      kind: Schema.Literals(["TextDelta", "ThinkingDelta", "ToolUpdated"]),
      text: Schema.String,
    }),
  ]),
)

/** Returns the writes of the run: commits, and the pieces of its output, of which neighbours of one kind are one. */
const outputOf = (runId: string, writes: ReadonlyArray<"commit" | LiveEvent>): ReadonlyArray<string> => {
  const output: Array<{ readonly kind: string; text: string }> = []
  for (const write of writes) {
    if (write === "commit") output.push({ kind: "commit", text: "" })
    else if ("runId" in write && write.runId === runId) {
      const text = "text" in write ? String(write.text) : ""
      const last = output.at(-1)
      if (last?.kind === write._tag && write._tag !== "ToolUpdated") last.text += text
      else output.push({ kind: write._tag, text })
    }
  }
  return output.map(({ kind, text }) => `${kind} ${text}`)
}

describe("PendingWrites", () => {
  it.prop("The output of each run keeps its text, its order and its place between commits.", [Steps], ([steps]) => {
    const pending = new PendingWrites()
    const pushed: Array<"commit" | LiveEvent> = []
    for (const step of steps) {
      if (step === "commit") {
        pending.push(commit())
        pushed.push("commit")
        continue
      }
      const { kind, runId, text } = step
      const event = kind === "ToolUpdated" ? update(runId, text) : delta(runId, text, kind)
      pending.pushLive(event)
      pushed.push(event)
    }
    const taken = pending.takeGroup().map((write) => (write._tag === "Commit" ? "commit" : write.event))
    for (const runId of RUNS) expect(outputOf(runId, taken)).toEqual(outputOf(runId, pushed))
  })

  it("A thousand pieces of two runs wait as two events.", () => {
    const pending = new PendingWrites()
    for (let n = 0; n < 1_000; n++) pending.pushLive(delta(RUNS[n % 2]!, "x"))
    expect(pending.length).toBe(2)
  })

  it("Pieces join up to a length, so that no event becomes large.", () => {
    const pending = new PendingWrites()
    for (let n = 0; n < 100; n++) pending.pushLive(delta("a", "x".repeat(1_000)))
    const lengths = pending
      .takeGroup()
      .map((write) => (write._tag === "Live" && "text" in write.event ? write.event.text : "").length)
    expect(lengths.reduce((sum, length) => sum + length, 0)).toBe(100_000)
    expect(Math.max(...lengths)).toBeLessThanOrEqual(16_384)
    expect(lengths).toHaveLength(7)
  })

  it("A piece does not join an event of a group that is being written.", () => {
    const pending = new PendingWrites()
    pending.pushLive(delta("a", "x"))
    const [taken] = pending.takeGroup()
    pending.pushLive(delta("a", "y"))
    expect(taken).toEqual({ _tag: "Live", event: delta("a", "x") })
    expect(pending.takeGroup()).toEqual([{ _tag: "Live", event: delta("a", "y") }])
  })
})
