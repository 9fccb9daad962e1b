/**
 * RepeatedCalls: gives each act of a tool an id that stays the same if a restart repeats the run. So a message that the
 * agent sends again in the next attempt is sent once. A second equal act of the same attempt gets another id. SendTool and
 * SpawnTool use it.
 */
import { createHash } from "node:crypto"
import type { ToolRun } from "../tools/AgentTool.ts"

/** The acts in memory. An older act that is repeated in the same attempt would count as the first one again. */
const MAX_ACTS = 10_000

export class RepeatedCalls {
  readonly #times = new Map<string, number>()

  /** Returns a UUID that follows from the run, the parts of the act, and how often this attempt did the same before. */
  idOf({ attempt, runId }: Pick<ToolRun, "attempt" | "runId">, ...parts: ReadonlyArray<string>): string {
    const act = hash([runId, attempt, ...parts])
    const time = (this.#times.get(act) ?? 0) + 1
    this.#times.delete(act)
    this.#times.set(act, time)
    if (this.#times.size > MAX_ACTS) this.#times.delete(this.#times.keys().next().value!)
    const hex = hash([runId, time, ...parts])
    return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-")
  }
}

const hash = (parts: ReadonlyArray<string | number>): string =>
  createHash("sha256").update(JSON.stringify(parts)).digest("hex")
