/**
 * RunSecrets: the secret answers that open runs have received, in memory. An agent may repeat one in its reply or give it to
 * a tool. The gateway masks them in everything that it stores, publishes and shows; the tool gets them. Questions adds them.
 * ToolCalls, AgentSession, RuntimeOutput and TurnRunner mask them, and TurnRunner forgets them with the run.
 */
import * as Context from "effect/Context"
import { SecretMask } from "./SecretMask.ts"

/** The secrets of a run. A run that asks for more gets no masks for the oldest. */
const MAX_SECRETS = 64

/** Shorter secrets are common in plain text. Masks would make it unreadable, and tell the secret. */
const MIN_CHARS = 4

class Secrets {
  readonly #ofRuns = new Map<string, ReadonlyArray<string>>()

  add(runId: string, values: Iterable<string>): void {
    const known = new Set(this.of(runId))
    for (const value of values) {
      if (value.length < MIN_CHARS) continue
      known.add(value)
      // The form in a JSON text, such as the input of a tool.
      known.add(JSON.stringify(value).slice(1, -1))
    }
    if (known.size > 0) this.#ofRuns.set(runId, [...known].slice(-MAX_SECRETS))
  }

  /** Returns the secrets of a run in the forms in which texts have them. */
  of(runId: string): ReadonlyArray<string> {
    return this.#ofRuns.get(runId) ?? []
  }

  /** Returns the whole text with masks. */
  mask(runId: string, text: string): string {
    const secrets = this.of(runId)
    return secrets.length === 0 ? text : new SecretMask().last(text, secrets)
  }

  forget(runId: string): void {
    this.#ofRuns.delete(runId)
  }
}

/** All gateways of a process share it: run ids are unique. */
export const RunSecrets = Context.Reference<Secrets>("causeway/services/tools/RunSecrets", {
  defaultValue: () => new Secrets(),
})
