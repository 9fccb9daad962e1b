/**
 * Pacing: the text of open runs as a whole, told at once when it begins and then at most once in an interval, and always
 * before anything else of the run. A delta costs what it is long, a telling what the text is long: the interval bounds
 * that. Pure but for what it remembers; it knows no frame.
 */
import { type Positioned, runOf } from "../../domain/Event.ts"
import type { ThrottledText } from "../dialect/Dialect.ts"

interface Run {
  text: string
  thinking: string
  /** How much of both was told. */
  toldText: number
  toldThinking: number
  toldAt: number
  /** The last delta that is not told yet, if one is not. */
  last: Positioned | undefined
}

export class TextThrottle {
  readonly #everyMs: number
  readonly #runs = new Map<string, Run>()

  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /** What is to be told before the event, or, a delta, in its place. */
  push(item: Positioned, now: number): ThrottledText | undefined {
    const { event } = item
    const runId = runOf(event)
    if (runId === undefined) return undefined
    switch (event._tag) {
      case "TextDelta":
      case "ThinkingDelta": {
        const run = this.#runs.get(runId) ?? this.#begin(runId)
        if (event._tag === "TextDelta") run.text += event.text
        else run.thinking += event.text
        run.last = item
        return now - run.toldAt >= this.#everyMs ? tellOf(run, now) : undefined
      }
      case "RunStarted":
        this.#begin(runId)
        return undefined
      case "RunEnded": {
        const run = this.#runs.get(runId)
        this.#runs.delete(runId)
        return run && tellOf(run, now)
      }
      default: {
        const run = this.#runs.get(runId)
        return run && tellOf(run, now)
      }
    }
  }

  /** What has waited for as long as it may. */
  due(now: number): ReadonlyArray<ThrottledText> {
    return Array.from(this.#runs.values()).flatMap((run) =>
      now - run.toldAt >= this.#everyMs ? (tellOf(run, now) ?? []) : [],
    )
  }

  /** When something is due; undefined: nothing waits. */
  next(): number | undefined {
    let next: number | undefined
    for (const { last, toldAt } of this.#runs.values()) {
      if (last !== undefined && (next === undefined || toldAt + this.#everyMs < next)) next = toldAt + this.#everyMs
    }
    return next
  }

  #begin(runId: string): Run {
    const toldAt = Number.NEGATIVE_INFINITY
    const run: Run = { text: "", thinking: "", toldText: 0, toldThinking: 0, toldAt, last: undefined }
    this.#runs.set(runId, run)
    return run
  }
}

const tellOf = (run: Run, now: number): ThrottledText | undefined => {
  const { last, text, thinking } = run
  if (last === undefined || !("runId" in last.event) || !("agentId" in last.event)) return undefined
  const { at, event, seq } = last
  const { agentId, runId, sessionKey } = last.event
  const newText = text.slice(run.toldText)
  const newThinking = thinking.slice(run.toldThinking)
  run.toldText = text.length
  run.toldThinking = thinking.length
  run.toldAt = now
  run.last = undefined
  return { seq, at, event, sessionKey, runId, agentId, text, thinking, newText, newThinking }
}
