/**
 * What every open run has said so far, built from the events themselves: a subscriber who comes in the middle of a run
 * gets this instead of deltas that were never kept. It knows no position and no subscriber.
 */
import { type EventFilter, type GatewayEvent, type KeptEvent, type RunText, wants } from "../../domain/Event.ts"

type RunStarted = Extract<KeptEvent, { readonly _tag: "RunStarted" }>

interface PartialOutput {
  readonly started: RunStarted
  text: string
  thinking: string
}

const toRunText = (
  { started: { agentId, runId, sessionKey }, text, thinking }: PartialOutput,
  seq: number,
): RunText => ({
  _tag: "RunText",
  seq,
  sessionKey,
  runId,
  agentId,
  text,
  thinking,
})

export class PartialOutputs {
  readonly #open = new Map<string, PartialOutput>()

  /** False: the event is what a run says that is over, and counts for nothing. */
  apply(event: GatewayEvent): boolean {
    switch (event._tag) {
      case "RunStarted":
        // A run that a restart cut off begins anew, and so does what it says.
        this.#open.set(event.runId, { started: event, text: "", thinking: "" })
        return true
      case "TextDelta": {
        const run = this.#open.get(event.runId)
        if (run !== undefined) run.text += event.text
        return run !== undefined
      }
      case "ThinkingDelta": {
        const run = this.#open.get(event.runId)
        if (run !== undefined) run.thinking += event.text
        return run !== undefined
      }
      case "ToolUpdated":
        return this.#open.has(event.runId)
      case "RunEnded":
        this.#open.delete(event.runId)
    }
    return true
  }

  /** What a run has said that has begun and has not ended, as it stands at `seq`. */
  get(runId: string, seq: number): RunText | undefined {
    const run = this.#open.get(runId)
    return run === undefined ? undefined : toRunText(run, seq)
  }

  /** The texts that a subscriber with this filter may see, as they stand at `seq`. */
  wanted(filter: EventFilter, seq: number): Array<RunText> {
    const texts: Array<RunText> = []
    for (const run of this.#open.values()) if (wants(filter, run.started)) texts.push(toRunText(run, seq))
    return texts
  }
}
