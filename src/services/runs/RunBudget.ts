/**
 * The budget of a run: tokens, and events per second. RuntimeOutput counts each event of the runtime against it.
 */
import type { GatewaySettings } from "../../domain/GatewayConfig.ts"
import type { RuntimeEvent } from "../../domain/Run.ts"

type Limits = Pick<GatewaySettings["runs"], "tokens" | "eventsPerSecond">

export class RunBudget {
  readonly #limits: Limits
  #tokens = 0
  /** Events that the run may still emit at once. They come back within a second. */
  #events: number
  #at: number

  constructor(limits: Limits, nowMs: number) {
    this.#limits = limits
    this.#events = limits.eventsPerSecond
    this.#at = nowMs
  }

  /** Counts an event. Returns the reason to end the run, or `undefined`. */
  exceededBy(event: RuntimeEvent, nowMs: number): string | undefined {
    const { eventsPerSecond, tokens } = this.#limits
    const earned = (Math.max(0, nowMs - this.#at) * eventsPerSecond) / 1_000
    this.#events = Math.min(eventsPerSecond, this.#events + earned) - 1
    this.#at = nowMs
    if (this.#events < 0) {
      return `The run emitted more than ${eventsPerSecond} events in a second, the limit of the option runs.eventsPerSecond.`
    }
    if (event._tag !== "Usage") return undefined
    this.#tokens += event.usage.inputTokens + event.usage.outputTokens
    if (tokens === 0 || this.#tokens <= tokens) return undefined
    return `The run used ${this.#tokens} tokens. The option runs.tokens allows ${tokens}.`
  }
}
