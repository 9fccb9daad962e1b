/**
 * PartialOutputs: the text of every open run so far, built from the events. A subscriber that joins in the middle of a run
 * receives it instead of the deltas, which are not stored. EventLog uses it.
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

  /** Adds the event to the output of its run. Returns false for a delta of a run that is not open: drop it. */
  apply(event: GatewayEvent): boolean {
    switch (event._tag) {
      case "RunStarted":
        // After a restart, a new attempt begins with an empty output.
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

  /** Returns the output of the run, labelled with the position `seq`, or `undefined` if the run is not open. */
  get(runId: string, seq: number): RunText | undefined {
    const run = this.#open.get(runId)
    return run === undefined ? undefined : toRunText(run, seq)
  }

  /** Returns the outputs of all open runs that the filter matches, labelled with the position `seq`. */
  matching(filter: EventFilter, seq: number): Array<RunText> {
    const texts: Array<RunText> = []
    for (const run of this.#open.values()) if (wants(filter, run.started)) texts.push(toRunText(run, seq))
    return texts
  }
}
