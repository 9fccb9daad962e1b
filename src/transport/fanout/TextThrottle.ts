/**
 * TextThrottle: the whole text of open runs, at the first delta and then at most once in an interval, and always before
 * the next other event of the run. A delta costs its length, but a whole text costs the length of all deltas so far: the
 * interval bounds that. Fanout.ts uses it for dialects with a `textThrottle`.
 */
import { type Positioned, runOf } from "../../domain/Event.ts"
import type { ThrottledText } from "../dialect/Dialect.ts"

interface Run {
  text: string
  thinking: string
  /** The characters of both that were published. */
  publishedText: number
  publishedThinking: number
  /** The time of the last publication. */
  publishedAt: number
  /** The last delta that is not published yet. */
  last: Positioned | undefined
}

export class TextThrottle {
  readonly #everyMs: number
  readonly #runs = new Map<string, Run>()

  constructor(everyMs: number) {
    this.#everyMs = everyMs
  }

  /** Adds an event. Returns the text to publish before it; for a delta, instead of it. */
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
        return now - run.publishedAt >= this.#everyMs ? publish(run, now) : undefined
      }
      case "RunStarted":
        this.#begin(runId)
        return undefined
      case "RunEnded": {
        const run = this.#runs.get(runId)
        this.#runs.delete(runId)
        return run && publish(run, now)
      }
      default: {
        const run = this.#runs.get(runId)
        return run && publish(run, now)
      }
    }
  }

  /** Returns the texts that have waited for the whole interval. */
  due(now: number): ReadonlyArray<ThrottledText> {
    return Array.from(this.#runs.values()).flatMap((run) =>
      now - run.publishedAt >= this.#everyMs ? (publish(run, now) ?? []) : [],
    )
  }

  /** Returns the time at which the next text is due, or `undefined` if no text waits. */
  next(): number | undefined {
    let next: number | undefined
    for (const { last, publishedAt } of this.#runs.values()) {
      const dueAt = publishedAt + this.#everyMs
      if (last !== undefined && (next === undefined || dueAt < next)) next = dueAt
    }
    return next
  }

  #begin(runId: string): Run {
    const publishedAt = Number.NEGATIVE_INFINITY
    const run: Run = { text: "", thinking: "", publishedText: 0, publishedThinking: 0, publishedAt, last: undefined }
    this.#runs.set(runId, run)
    return run
  }
}

/** Returns the text of the run and marks it as published. Returns `undefined` if nothing is new. */
const publish = (run: Run, now: number): ThrottledText | undefined => {
  const { last, text, thinking } = run
  if (last === undefined || !("runId" in last.event) || !("agentId" in last.event)) return undefined
  const { at, event, seq } = last
  const { agentId, runId, sessionKey } = last.event
  const newText = text.slice(run.publishedText)
  const newThinking = thinking.slice(run.publishedThinking)
  run.publishedText = text.length
  run.publishedThinking = thinking.length
  run.publishedAt = now
  run.last = undefined
  return { seq, at, event, sessionKey, runId, agentId, text, thinking, newText, newThinking }
}
