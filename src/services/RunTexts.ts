/**
 * What every open run has said so far, built from the events themselves: a subscriber who comes in the middle of a run
 * gets this instead of deltas that were never kept. It knows no position and no subscriber.
 */
import { type EventFilter, type GatewayEvent, type KeptEvent, type RunText, wants } from "../domain/Event.ts"

type RunStarted = Extract<KeptEvent, { readonly _tag: "RunStarted" }>

interface OpenRun {
  readonly started: RunStarted
  text: string
  thinking: string
}

export class RunTexts {
  readonly #open = new Map<string, OpenRun>()

  apply(event: GatewayEvent): void {
    switch (event._tag) {
      case "RunStarted":
        // A run that a restart cut off begins anew, and so does what it says.
        this.#open.set(event.runId, { started: event, text: "", thinking: "" })
        return
      case "TextDelta": {
        const run = this.#open.get(event.runId)
        if (run !== undefined) run.text += event.text
        return
      }
      case "ThinkingDelta": {
        const run = this.#open.get(event.runId)
        if (run !== undefined) run.thinking += event.text
        return
      }
      case "RunEnded":
        this.#open.delete(event.runId)
    }
  }

  /** The texts that a subscriber with this filter may see, as they stand at `seq`. */
  wanted(filter: EventFilter, seq: number): Array<RunText> {
    const texts: Array<RunText> = []
    for (const { started, text, thinking } of this.#open.values()) {
      if (!wants(filter, started)) continue
      const { agentId, runId, sessionKey } = started
      texts.push({ _tag: "RunText", seq, sessionKey, runId, agentId, text, thinking })
    }
    return texts
  }
}
