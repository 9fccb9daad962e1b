/**
 * RunningTurn: what a turn has said and used so far, and the way to stop it. Held by the session's actor, filled by
 * whoever runs the turn. It writes nothing.
 */
import * as Effect from "effect/Effect"
import type { ToolCall, Usage } from "../../domain/Message.ts"
import type { Output } from "../transcript/Transcript.ts"

export class RunningTurn {
  readonly runId: string
  // Strings are appended to, not rebuilt: the engine joins the pieces when somebody reads them.
  text = ""
  thinking = ""
  usage: Usage | undefined
  /** Tool calls that have begun and not ended, by id. */
  readonly calls = new Map<string, Pick<ToolCall, "name" | "input">>()
  /** The place of the next message among those of its run; 0 was the user's. */
  nextStep = 1
  #stopped = false
  #wake: (() => void) | undefined

  constructor(runId: string) {
    this.runId = runId
  }

  get lastWords(): Output {
    return { text: this.text, thinking: this.thinking, step: this.nextStep }
  }

  /** Somebody else has ended the turn: nothing that it says counts any more. */
  get stopped(): boolean {
    return this.#stopped
  }

  stop(): void {
    this.#stopped = true
    this.#wake?.()
  }

  /** Returns when it is stopped; at once if it is already. */
  readonly untilStopped = Effect.callback<void>((resume) => {
    this.#wake = () => resume(Effect.void)
    if (this.#stopped) this.#wake()
  })

  /** A run may count several calls of its model: tokens add up, the context in use is that of the last. */
  count({ contextTokens = this.usage?.contextTokens, inputTokens, outputTokens }: Usage): void {
    this.usage = {
      inputTokens: inputTokens + (this.usage?.inputTokens ?? 0),
      outputTokens: outputTokens + (this.usage?.outputTokens ?? 0),
      ...(contextTokens !== undefined && { contextTokens }),
    }
  }
}
