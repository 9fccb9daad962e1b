import { describe, expect, it } from "@effect/vitest"
import * as Schema from "effect/Schema"
import { type AdmissionLimits, AdmissionQueue, type Ask } from "../../../src/services/admission/AdmissionQueue.ts"

const limits: AdmissionLimits = { concurrent: 3, concurrentPerAgent: 2 }

/** An open run of the model. `sharing`: it began alone and admits other runs now. */
interface OpenRun {
  readonly ask: Ask
  running: boolean
  sharing: boolean
}

/** The definition of the queue: returns whether the run may begin. `open` is in the order of asking. */
const mayBegin = (open: ReadonlyArray<OpenRun>, limits: AdmissionLimits, { ask, running }: OpenRun): boolean => {
  const inProgress = open.filter((run) => run.running)
  const ofAgent = inProgress.filter((run) => run.ask.agentId === ask.agentId)
  const waitsForOne = open.some(
    (other) => other.ask.alone && !other.sharing && (other.running || other.ask.order < ask.order),
  )
  if (running || waitsForOne || inProgress.length >= limits.concurrent) return false
  return ask.alone ? inProgress.length === 0 : ofAgent.length < limits.concurrentPerAgent
}

/** Sessions ask for one turn after another. `index` chooses a session, or one of the open runs. */
const Step = Schema.Struct({
  does: Schema.Literals(["asks", "asks", "asks alone", "ends", "gives up", "shares"]),
  index: Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 11 })),
})
type Step = typeof Step.Type

/** Carries out the steps on a queue and on the model. Calls `check` after each of them. */
const play = (
  steps: ReadonlyArray<Step>,
  check: (open: ReadonlyArray<OpenRun>, begun: ReadonlyArray<OpenRun>, queue: AdmissionQueue) => void,
) => {
  const queue = new AdmissionQueue(limits)
  const open: Array<OpenRun> = []
  for (const { does, index } of steps) {
    const among = open.filter(({ running }) => running === (does !== "gives up"))
    const chosen = among[index % Math.max(1, among.length)]
    if (does === "asks" || does === "asks alone") {
      const ask = queue.ask(`agent ${index % 4}`, does === "asks alone")
      open.push({ ask, running: false, sharing: false })
    } else if (chosen === undefined) {
      continue
    } else if (does === "shares") {
      queue.share(chosen.ask)
      chosen.sharing = true
    } else {
      queue.leave(chosen.ask)
      open.splice(open.indexOf(chosen), 1)
    }
    const begun: Array<OpenRun> = []
    for (let ask = queue.begin(); ask !== undefined; ask = queue.begin()) {
      const run = open.find((run) => run.ask === ask)!
      // The queue chooses the oldest run that may begin.
      expect(open.find((other) => mayBegin(open, limits, other))).toBe(run)
      run.running = true
      begun.push(run)
    }
    check(open, begun, queue)
  }
}

describe("AdmissionQueue", () => {
  it.prop(
    "The queue never exceeds the limits.",
    [Schema.Array(Step)],
    ([steps]) =>
      play(steps, (open, _, queue) => {
        const inProgress = open.filter(({ running }) => running)
        expect(queue.running).toBe(inProgress.length)
        expect(inProgress.length).toBeLessThanOrEqual(limits.concurrent)
        for (const { ask } of inProgress) {
          const ofAgent = inProgress.filter((run) => run.ask.agentId === ask.agentId)
          expect(ofAgent.length).toBeLessThanOrEqual(limits.concurrentPerAgent)
        }
      }),
    { arbitrary: { size: 100 } },
  )

  it.prop(
    "After every change, each run that may begin has begun.",
    [Schema.Array(Step)],
    ([steps]) => play(steps, (open) => expect(open.filter((run) => mayBegin(open, limits, run))).toEqual([])),
    { arbitrary: { size: 100 } },
  )

  it.prop(
    "A run overtakes only runs whose agents are at their limit.",
    [Schema.Array(Step)],
    ([steps]) =>
      play(steps, (open, begun) => {
        for (const { ask } of begun) {
          const overtaken = open.filter((run) => !run.running && run.ask.order < ask.order)
          for (const { ask: older } of overtaken) {
            const ofAgent = open.filter((run) => run.running && run.ask.agentId === older.agentId)
            expect(ofAgent.length).toBe(limits.concurrentPerAgent)
          }
        }
      }),
    { arbitrary: { size: 100 } },
  )

  it.prop(
    "Every waiting run begins once the runs in progress end, whatever asks meanwhile.",
    [Schema.Array(Step), Schema.Array(Schema.Literals(["a", "b"]))],
    ([steps, later]) => {
      let last: { readonly open: ReadonlyArray<OpenRun>; readonly queue: AdmissionQueue } | undefined
      play(steps, (open, _, queue) => {
        last = { open, queue }
      })
      if (last === undefined) return
      const { open, queue } = last
      const inProgress = open.filter(({ running }) => running).map(({ ask }) => ask)
      for (let turn = 0; turn <= open.length; turn++) {
        const ended = inProgress.shift()
        if (ended !== undefined) queue.leave(ended)
        queue.ask(later[turn % Math.max(1, later.length)] ?? "a", false)
        for (let ask = queue.begin(); ask !== undefined; ask = queue.begin()) inProgress.push(ask)
      }
      expect(open.filter(({ ask }) => ask.state === "waiting")).toEqual([])
    },
    { arbitrary: { size: 60 } },
  )

  it("A decision looks at no more runs when more runs wait.", () => {
    const readsWith = (waiting: number) => {
      const queue = new AdmissionQueue(limits)
      let reads = 0
      const count = (ask: Ask) => {
        for (const [key, value] of Object.entries(ask)) {
          const get = () => (reads++, value)
          const set = (next: unknown) => Object.defineProperty(ask, key, { value: next, writable: true })
          Object.defineProperty(ask, key, { get, set, configurable: true })
        }
      }
      const asks = Array.from({ length: waiting }, () => queue.ask("busy", false))
      while (queue.begin() !== undefined);
      asks.forEach(count)
      const other = queue.ask("idle", false)
      expect(queue.begin()).toBe(other)
      queue.leave(other)
      queue.leave(asks[0]!)
      expect(queue.begin()).toBe(asks[2])
      return reads
    }
    expect(readsWith(10_000)).toBe(readsWith(10))
  })
})
