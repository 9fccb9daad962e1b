/**
 * RunFacts: the newest run of each session, as far as cards show it: it is in progress, or it has failed. CardMerge.ts,
 * PolledCards.ts and the translations of events use it.
 */

export interface RunFact {
  readonly startedAt?: number
  readonly thinks?: boolean
  /** In percent, if the gateway says so. */
  readonly progress?: number
  readonly problem?: string
}

/** A change of a session's newest run. */
export type RunChange =
  | { readonly _tag: "RunStarted"; readonly sessionKey: string; readonly at: number }
  | { readonly _tag: "RunThinks"; readonly sessionKey: string; readonly thinks: boolean }
  | { readonly _tag: "RunEnded"; readonly sessionKey: string; readonly problem: string | undefined }
  | { readonly _tag: "SessionRemoved"; readonly key: string }

const runTags: ReadonlySet<string> = new Set<RunChange["_tag"]>([
  "RunStarted",
  "RunThinks",
  "RunEnded",
  "SessionRemoved",
])

export const isRunChange = (change: { readonly _tag: string }): change is RunChange => runTags.has(change._tag)

export class RunFacts {
  readonly #runs = new Map<string, RunFact>()

  get(sessionKey: string): RunFact | undefined {
    return this.#runs.get(sessionKey)
  }

  /** Returns whether the run in progress of the session thinks, as far as the changes say. */
  thinks(sessionKey: string): boolean {
    return this.#runs.get(sessionKey)?.thinks === true
  }

  apply(change: RunChange): void {
    switch (change._tag) {
      case "RunStarted":
        this.#runs.set(change.sessionKey, { startedAt: change.at })
        return
      case "RunThinks":
        this.#runs.set(change.sessionKey, { ...this.#runs.get(change.sessionKey), thinks: change.thinks })
        return
      case "RunEnded":
        if (change.problem === undefined) this.#runs.delete(change.sessionKey)
        else this.#runs.set(change.sessionKey, { problem: change.problem })
        return
      case "SessionRemoved":
        this.#runs.delete(change.key)
    }
  }

  replace(runs: Iterable<readonly [sessionKey: string, run: RunFact]>): void {
    this.#runs.clear()
    for (const [sessionKey, run] of runs) this.#runs.set(sessionKey, run)
  }
}
